"""A span for each REST request; probes and scrapes have none."""

from collections.abc import Iterable
from http import HTTPMethod
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realtime.telemetry.tracing import NO_SPAN, Kind, Span, Tracing

# Everything else under this port is asked for every few seconds, by machines, and tells nothing.
PATH: Final = "/realtime/"
_METHODS: Final = frozenset(HTTPMethod)


class TracedRequests:
    """Continues the trace that a request names, and shows how it was answered."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        span = self._tracing.begin("request", Kind.SERVER, _traceparent(scope["headers"]))
        if span is NO_SPAN:
            await self._app(scope, receive, send)
            return
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with span:
            try:
                await self._app(scope, receive, note_status)
            finally:
                _describe(span, scope, status)
                span.end()


def _describe(span: Span, scope: Scope, status: int) -> None:
    """In the words of https://opentelemetry.io/docs/specs/semconv/http/, but for what is personal: query, address."""
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    # What a client asks for that is no route of ours is not worth a name of its own.
    route = getattr(scope.get("route"), "path", None)
    attributes: dict[str, str | int] = {"http.request.method": method, "url.scheme": scope["scheme"]}
    if route is not None:
        attributes["http.route"] = route
    if status:
        attributes["http.response.status_code"] = status
    span.describe(attributes, name=f"{method} {route}" if route is not None else method)
    if status >= 500 or not status:
        span.fail(str(status) if status else "no_response")


def _traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    # Section 2.2 of W3C Trace Context: more than one is none.
    found = [value for name, value in headers if name == b"traceparent"]
    return found[0].decode("ascii", "replace") if len(found) == 1 else None
