"""Which request goes where: Socket.IO's path to its polling transport, all else to REST."""

from starlette.types import ASGIApp, Receive, Scope, Send

from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.polling import PollingApp


class Front:
    """Serves polling beside another application. Websockets do not come this way; see `engineio.http`."""

    def __init__(self, engine: Engine, other: ASGIApp) -> None:
        self._path = engine.path
        self._polling = PollingApp(engine)
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_ours = scope["type"] == "http" and f"{scope['path']}/".startswith(self._path)
        await (self._polling if is_ours else self._other)(scope, receive, send)
