"""Socket.IO as the gateway sees it."""

from collections.abc import Mapping
from typing import Any

from socketio import packet

from realtime.protocol.disconnects import Closing
from realtime.transports.engineio import frames
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.hub import Reason
from realtime.transports.socketio.local import DEFAULT_NAMESPACE
from realtime.transports.socketio.overrides import SocketServer
from realtime.transports.socketio.server import notice_of
from realtime.transports.socketio.signals import encode_event


class SocketIOAttachment:
    """See `gateway.attachment.Attachment`. A session's id is its Socket.IO sid in the default namespace."""

    def __init__(self, server: SocketServer, engine: Engine) -> None:
        self._server = server
        self._engine = engine

    async def join(self, session_id: str, room: str) -> None:
        """See `Attachment.join`. A session that has gone meanwhile joins nothing."""
        if self._server.manager.is_connected(session_id, DEFAULT_NAMESPACE):
            await self._server.enter_room(session_id, room)

    async def leave(self, session_id: str, room: str) -> None:
        """See `Attachment.leave`."""
        await self._server.leave_room(session_id, room)

    async def send(self, session_id: str, name: str, data: Mapping[str, Any]) -> None:
        """See `Attachment.send`."""
        text, _ = encode_event(DEFAULT_NAMESPACE, [name, dict(data)])
        self._write(session_id, text)

    async def close(self, session_id: str, closing: Closing) -> None:
        """See `Attachment.close`.

        A client whose connection closes comes back by itself; one that is disconnected from its namespace does not.
        Engine.IO's own CLOSE packet is not sent: python-socketio's client takes it for a goodbye.
        """
        eio_sid = self._server.manager.eio_sid_from_sid(session_id, DEFAULT_NAMESPACE)
        connection = self._engine.connections.get(eio_sid)
        if connection is None:
            return
        await self.send(session_id, "connection:closing", notice_of(closing))
        if not closing.retryable:
            self._write(session_id, b"%d" % packet.DISCONNECT)
        code = frames.TRY_AGAIN_LATER if closing.retryable else frames.POLICY_VIOLATION
        connection.close(Reason.SERVER_DISCONNECT, code, closing.message)

    def transport(self, session_id: str) -> str:
        """See `Attachment.transport`."""
        eio_sid = self._server.manager.eio_sid_from_sid(session_id, DEFAULT_NAMESPACE)
        connection = self._engine.connections.get(eio_sid)
        if connection is None:
            return "closed"
        return "websocket" if connection.is_websocket else "polling"

    def _write(self, session_id: str, text: bytes) -> None:
        manager = self._server.manager
        manager.write(manager.audience(DEFAULT_NAMESPACE, session_id), text)
