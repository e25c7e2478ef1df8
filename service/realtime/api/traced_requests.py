"""A span for each REST request; probes and scrapes have none."""

from collections.abc import Callable, Iterable
from http import HTTPMethod
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realtime.telemetry.tracing import NO_SPAN, NO_TRACING, Kind, Span, Tracing

# Everything else under this port is asked for every few seconds, by machines, and tells nothing.
PATH: Final = "/realtime/"
_METHODS: Final = frozenset(HTTPMethod)


class TracedRequests:
    """Continues the trace that a service's request names, and shows how it was answered.

    A stranger's header decides nothing: else anybody could have all of their requests traced, and crowd out the rest.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing, is_service: Callable[[HTTPConnection], bool]) -> None:
        self._app = app
        self._tracing = tracing
        self._is_service = is_service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        span = self._begin(scope)
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

    def _begin(self, scope: Scope) -> Span:
        if self._tracing is NO_TRACING:
            return NO_SPAN
        header = _traceparent(scope["headers"])
        if header is None or self._is_service(HTTPConnection(scope)):
            return self._tracing.begin("request", Kind.SERVER, header)
        return self._tracing.begin("request", Kind.SERVER, linked=header)


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
