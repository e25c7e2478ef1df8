"""Which request goes where: Socket.IO's path to Socket.IO, all else to REST."""

from urllib.parse import parse_qs

import socketio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from realtime.gateway.sessions import Sessions
from realtime.transports.socketio.server import SOCKETIO_PATH

COME_BACK_SECONDS = 1


class Front:
    """Serves Socket.IO beside another application, and turns newcomers away while the pod drains."""

    def __init__(self, server: socketio.AsyncServer, sessions: Sessions, other: ASGIApp) -> None:
        self._socketio = socketio.ASGIApp(server, other_asgi_app=other, socketio_path=SOCKETIO_PATH)
        self._sessions = sessions
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"} or not scope["path"].startswith(f"/{SOCKETIO_PATH}"):
            await self._other(scope, receive, send)
        elif self._sessions.is_draining and "sid" not in parse_qs(scope["query_string"].decode("latin-1")):
            # Before Engine.IO answers: a client comes back by itself from a failed handshake, but not from a refused
            # namespace.
            await _refuse(scope, receive, send)
        else:
            await self._socketio(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    headers = {"Retry-After": str(COME_BACK_SECONDS)}
    text = "This server is leaving; come back to another one."
    await PlainTextResponse(text, 503, headers)(scope, receive, send)
