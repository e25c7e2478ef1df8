"""Socket.IO as the gateway sees it."""

from collections.abc import Mapping
from typing import Any

import socketio

from realtime.protocol.disconnects import Closing
from realtime.transports.socketio.fanout import Fanout
from realtime.transports.socketio.manager import DEFAULT_NAMESPACE


class SocketIOAttachment:
    """See `gateway.attachment.Attachment`. A session's id is its Socket.IO sid in the default namespace."""

    def __init__(self, server: socketio.AsyncServer, fanout: Fanout) -> None:
        self._server = server
        self._fanout = fanout

    async def join(self, session_id: str, room: str) -> None:
        """See `Attachment.join`. A session that has gone meanwhile joins nothing."""
        if self._server.manager.is_connected(session_id, DEFAULT_NAMESPACE):
            await self._server.enter_room(session_id, room)

    async def leave(self, session_id: str, room: str) -> None:
        """See `Attachment.leave`."""
        await self._server.leave_room(session_id, room)

    async def send(self, session_id: str, name: str, data: Mapping[str, Any]) -> None:
        """See `Attachment.send`."""
        if self._server.manager.is_connected(session_id, DEFAULT_NAMESPACE):  # else it has just gone
            await self._server.emit(name, dict(data), to=session_id)

    async def close(self, session_id: str, closing: Closing) -> None:
        """See `Attachment.close`.

        A client whose connection closes comes back by itself; one that is disconnected from its namespace does not.
        """
        eio_sid = self._server.manager.eio_sid_from_sid(session_id, DEFAULT_NAMESPACE)
        if eio_sid is None:
            return
        notice = {"code": closing.code, "message": closing.message, "retryable": closing.retryable}
        await self.send(session_id, "connection:closing", notice)
        if not closing.retryable:
            await self._server.disconnect(session_id, ignore_queue=True)
        await self._fanout.close(eio_sid)

    def transport(self, session_id: str) -> str:
        """See `Attachment.transport`."""
        eio_sid = self._server.manager.eio_sid_from_sid(session_id, DEFAULT_NAMESPACE)
        return str(self._server.eio.transport(eio_sid)) if eio_sid in self._server.eio.sockets else "closed"
