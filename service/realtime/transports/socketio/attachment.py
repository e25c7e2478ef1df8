"""Socket.IO as the gateway sees it."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from socketio import packet

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor, Places
from realtime.errors import RedisUnavailable
from realtime.gateway.attachment import WhileWaiting
from realtime.protocol.disconnects import TRY_AGAIN, Closing
from realtime.transports.engineio import frames
from realtime.transports.engineio.connection import Connection
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

    async def join(self, session_id: str, rooms: Collection[str]) -> None:
        """See `Attachment.join`. A session that has gone meanwhile joins nothing."""
        if self._server.manager.is_here(session_id):
            await self._server.manager.enter_rooms(session_id, DEFAULT_NAMESPACE, rooms)

    async def leave(self, session_id: str, room: str) -> None:
        """See `Attachment.leave`."""
        await self._server.leave_room(session_id, room)

    def hold(self, session_id: str) -> None:
        """See `Attachment.hold`."""
        self._server.manager.hold(session_id)

    async def deliver(
        self, session_id: str, deliveries: Sequence[Delivery], places: Places, while_waiting: WhileWaiting
    ) -> bool:
        """See `Attachment.deliver`."""
        return bool(await self._server.manager.deliver(session_id, deliveries, places, while_waiting))

    async def release(
        self,
        session_id: str,
        told: Collection[Delivery],
        told_rooms: Collection[str],
        up_to: Cursor,
        while_waiting: WhileWaiting,
    ) -> bool:
        """See `Attachment.release`."""
        is_heard = await self._server.manager.release(session_id, told, told_rooms, up_to, while_waiting)
        if is_heard is None:
            await self.close(session_id, TRY_AGAIN)
        return bool(is_heard)

    def when_heard(self, session_id: str, then: Callable[[], None]) -> None:
        """See `Attachment.when_heard`."""
        self._server.manager.when_heard(session_id, then)

    def is_there(self, session_id: str) -> bool:
        """See `Attachment.is_there`."""
        connection = self._connection(session_id)
        return connection is not None and connection.is_heard

    async def supersede(self, session_id: str) -> None:
        """See `Attachment.supersede`. Tried once: its pod may be gone."""
        with contextlib.suppress(RedisUnavailable):
            await self._server.manager.supersede(session_id)

    async def send(self, session_id: str, name: str, data: Mapping[str, Any], place: str | None = None) -> None:
        """See `Attachment.send`."""
        may_return = place is not None and self._server.manager.pid_of(session_id) is not None
        text, _ = encode_event(DEFAULT_NAMESPACE, [name, dict(data), place] if may_return else [name, dict(data)])
        self._write(session_id, text)

    async def close(self, session_id: str, closing: Closing) -> None:
        """See `Attachment.close`.

        A client whose connection closes comes back by itself; one that is disconnected from its namespace does not.
        Engine.IO's own CLOSE packet is not sent: python-socketio's client takes it for a goodbye.
        """
        connection = self._connection(session_id)
        if connection is None:
            return
        await self.send(session_id, "connection:closing", notice_of(closing))
        if not closing.retryable:
            self._write(session_id, b"%d" % packet.DISCONNECT)
        code = frames.TRY_AGAIN_LATER if closing.retryable else frames.POLICY_VIOLATION
        connection.close(Reason.SERVER_DISCONNECT, code, closing.message)

    def transport(self, session_id: str) -> str:
        """See `Attachment.transport`."""
        connection = self._connection(session_id)
        if connection is None:
            return "closed"
        return "websocket" if connection.is_websocket else "polling"

    def _connection(self, session_id: str) -> Connection | None:
        eio_sid = self._server.manager.eio_sid_from_sid(session_id, DEFAULT_NAMESPACE)
        return self._engine.connections.get(eio_sid)

    def _write(self, session_id: str, text: bytes) -> None:
        manager = self._server.manager
        manager.write(manager.audience(DEFAULT_NAMESPACE, session_id), text)
