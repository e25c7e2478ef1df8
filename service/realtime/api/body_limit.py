"""A limit on the body of a request, kept while it is read."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realtime.api.problems import problem


class BodyLimit:
    """Answers 413 to a body that is, or turns out to be, larger than `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Bodies are small here: read it whole before the app sees any of it, and stop at the limit.
        body = b""
        message: Message = {"more_body": True}
        while message.get("more_body", False):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                detail = f"The body may have {self._max_bytes} bytes."
                await problem(413, "body_too_large", detail)(scope, receive, send)
                return
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replay() -> Message:
            return next(messages, None) or await receive()

        await self._app(scope, replay, send)
