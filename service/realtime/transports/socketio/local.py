"""python-socketio's client manager for the sockets of this pod."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from socketio import AsyncManager

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor, Places
from realtime.gateway.attachment import WhileWaiting
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.hub import State
from realtime.transports.engineio.outbox import Audience
from realtime.transports.engineio.packets import message_frame, text_frame
from realtime.transports.socketio.hold import Held, Hold
from realtime.transports.socketio.rooms import NOBODY, Member, Namespace, Stage
from realtime.transports.socketio.signals import encode_event, placed_packet

DEFAULT_NAMESPACE: Final = "/"
# What a client missed is written in pieces of so many messages, about a millisecond's work.
MESSAGES_A_PIECE: Final = 100
TAKEN_CHECK_SECONDS: Final = 0.01
LONGEST_TAKEN_CHECK_SECONDS: Final = 0.25

Callback = Callable[..., Any]


class LocalManager(AsyncManager):  # type: ignore[misc]
    """Who is here and in which rooms, and how they are written to.

    The stock manager keeps two-way maps per room and session, walks through all rooms when one session leaves, and
    makes a task for each delivery; all that is done anew here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._engine: Engine | None = None
        self._on_connected: Callable[[str], Awaitable[None]] | None = None
        self._namespaces: dict[str, Namespace] = {}

    @property
    def rooms(self) -> dict[str, dict[str | None, dict[str, str]]]:
        """Namespace -> room (None: all) -> Socket.IO id -> Engine.IO id, as the stock manager keeps it; for looking."""
        return {
            name: {room: dict(self.get_participants(name, room)) for room in (None, *namespace.rooms)}
            for name, namespace in self._namespaces.items()
        }

    @rooms.setter
    def rooms(self, _: object) -> None:
        """The stock manager's constructor begins with none."""

    def attach(self, engine: Engine, on_connected: Callable[[str], Awaitable[None]] | None = None) -> None:
        """Say where connections are, and what happens once a client has been told that it is connected."""
        self._engine = engine
        self._on_connected = on_connected

    @property
    def room_count(self) -> int:
        """Rooms of all namespaces that this pod holds a session in."""
        return sum(len(namespace.rooms) for namespace in self._namespaces.values())

    def has_members(self, room: str | None, namespace: str = DEFAULT_NAMESPACE) -> bool:
        """Whether this pod holds a session in the room (None: in the namespace)."""
        members = self._namespaces.get(namespace)
        return members is not None and (room is None or room in members.rooms)

    def on_room_emptied(self, namespace: str, room: str) -> None:
        """The last member on this pod has left a room."""

    # -- writing ----------------------------------------------------------------------------------------------------

    def audience(
        self, namespace: str, room: str | None, except_rooms: Collection[str] = (), except_sids: Collection[str] = ()
    ) -> Audience:
        """This pod's members of a room (None: of the namespace), without those of other rooms."""
        members = self._namespaces.get(namespace)
        return NOBODY if members is None else members.audience(room, except_rooms, except_sids)

    def write(self, audience: Audience, text: bytes, attachments: Iterable[bytes] = ()) -> None:
        """Write a packet, with its binary attachments, in order with all that was written before."""
        assert self._engine is not None
        self._engine.outbox.put(audience, text_frame(text))
        for attachment in attachments:
            self._engine.outbox.put(audience, message_frame(attachment))

    def emit_here(
        self, namespace: str, rooms: Sequence[str | None], event: Sequence[Any], except_sids: Collection[str]
    ) -> None:
        """Emit to this pod's members; who is in several of the rooms receives it once."""
        text, attachments = encode_event(namespace, event)
        for number, room in enumerate(rooms):
            earlier = [other for other in rooms[:number] if other is not None]
            self.write(self.audience(namespace, room, earlier, except_sids), text, attachments)

    def ask_here(self, namespace: str, sid: str, event: Sequence[Any], callback: Callback) -> None:
        """Emit to one session of this pod, and call back with its ack."""
        if self._member(sid, namespace) is not None:
            ack_id = self._generate_ack_id(sid, callback)
            text, attachments = encode_event(namespace, event, ack_id)
            self.write(self.audience(namespace, sid), text, attachments)

    async def trigger_callback(self, sid: str, id: int, data: Sequence[Any]) -> None:  # noqa: A002 - its name there
        """A client's ack. One that nobody waits for is nothing, and not worth a line in the log."""
        callback = self.callbacks.get(sid, {}).pop(id, None) if id else None
        if callback is not None:
            result = callback(*data)
            if inspect.isawaitable(result):
                await result

    # -- telling what was missed ------------------------------------------------------------------------------------

    def may_return(self, sid: str, pid: str | None) -> None:
        """Say by what a client may come back to its session; from now on it is told each message's place."""
        member = self._member(sid, DEFAULT_NAMESPACE)
        if member is not None:
            member.pid = pid

    def pid_of(self, sid: str, namespace: str = DEFAULT_NAMESPACE) -> str | None:
        """By what a client may come back to its session."""
        member = self._member(sid, namespace)
        return None if member is None else member.pid

    def hold(self, sid: str) -> None:
        """Keep for a session what its rooms bring, until `release`."""
        member = self._member(sid, DEFAULT_NAMESPACE)
        if member is not None:
            self._namespaces[DEFAULT_NAMESPACE].hold(member, Hold())

    async def deliver(
        self, sid: str, deliveries: Sequence[Delivery], places: Places, while_waiting: WhileWaiting
    ) -> bool:
        """Write deliveries to one session, no faster than its client takes them. False if it has gone meanwhile."""
        member = self._member(sid, DEFAULT_NAMESPACE)
        for start in range(0, len(deliveries), MESSAGES_A_PIECE):
            if member is None or not member.connection.is_heard:
                break
            piece = deliveries[start : start + MESSAGES_A_PIECE]
            self._write_held(member, [Held(d, places.behind(d.epoch, d.offset)) for d in piece])
            await self._until_taken(member.connection, while_waiting)
        return member is not None and member.connection.is_heard

    async def release(
        self,
        sid: str,
        told: Collection[Delivery],
        told_rooms: Collection[str],
        up_to: Cursor,
        while_waiting: WhileWaiting,
    ) -> bool | None:
        """Write what was kept, without what is told already; from then on the session hears its rooms.

        None if more came than is kept, False if it has gone meanwhile.
        """
        member = self._member(sid, DEFAULT_NAMESPACE)
        if member is None or member.hold is None:
            return member is not None
        hold = member.hold
        hold.drop(told, told_rooms, up_to)
        while len(hold.kept) > MESSAGES_A_PIECE and member.connection.is_heard:
            self._write_held(member, hold.take(MESSAGES_A_PIECE, member.rooms))
            await self._until_taken(member.connection, while_waiting)
        if hold.has_overflown:
            return None
        if not member.connection.is_heard or self._member(sid, DEFAULT_NAMESPACE) is not member:
            return False
        self._write_held(member, hold.take(MESSAGES_A_PIECE, member.rooms))
        self._namespaces[DEFAULT_NAMESPACE].hold(member, None)
        return True

    def when_heard(self, sid: str, then: Callable[[], None]) -> None:
        """Call back once the client has heard all that was written so far; never, if it goes before."""
        member = self._member(sid, DEFAULT_NAMESPACE)
        if member is not None and self._engine is not None:
            self._engine.when_heard(member.connection, then)

    def _write_held(self, member: Member, deliveries: Iterable[Held]) -> None:
        assert self._engine is not None
        audience, may_return = Audience((member.connection,)), member.pid is not None
        frames = [text_frame(placed_packet(d.packet, place) if may_return else d.packet) for d, place in deliveries]
        # On polling each frame becomes a packet of its own.
        for frame in [b"".join(frames)] if frames and member.connection.is_websocket else frames:
            self._engine.outbox.put(audience, frame)

    async def _until_taken(self, connection: Connection, while_waiting: WhileWaiting) -> None:
        assert self._engine is not None
        self._engine.flush()
        await asyncio.sleep(0)
        if not _is_behind(connection):
            return
        waited_seconds = 0.0
        async with while_waiting():
            # Not an event, which each connection would have to keep; a client that takes what it is given never waits.
            while _is_behind(connection):
                if waited_seconds > self._engine.settings.ping_timeout_seconds:
                    self._engine.on_slow(connection)  # who answers pings and takes nothing is as slow as can be
                # The slower it is, the less often: there may be thousands.
                pause_seconds = min(max(TAKEN_CHECK_SECONDS, waited_seconds / 4), LONGEST_TAKEN_CHECK_SECONDS)
                await asyncio.sleep(pause_seconds)
                waited_seconds += pause_seconds

    # -- coming and going -------------------------------------------------------------------------------------------

    def _member(self, sid: object, namespace: str) -> Member | None:
        members = self._namespaces.get(namespace)
        return members.find(sid) if members is not None and isinstance(sid, str) else None

    def _is_in(self, stage: Stage, sid: object, namespace: str) -> bool:
        member = self._member(sid, namespace)
        return member is not None and member.stage is stage

    def get_namespaces(self) -> Iterable[str]:
        """Namespaces that have members."""
        return self._namespaces.keys()

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Socket.IO and Engine.IO ids of the members of a room, or of several, each once."""
        members = self._namespaces.get(namespace)
        if members is None:
            return
        found: dict[str, str] = {}
        for one in [room] if room is None or isinstance(room, str) else room:
            found.update((member.sid, member.connection.sid) for member in members.members_in(one))
        yield from found.items()

    def is_pre_connected(self, sid: object, namespace: str) -> bool:
        """Whether its `connect` handler is deciding."""
        return self._is_in(Stage.CONNECTING, sid, namespace)

    def is_connected(self, sid: object, namespace: str) -> bool:
        """Whether it is connected, and not leaving."""
        return self._is_in(Stage.CONNECTED, sid, namespace)

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The id that a connection has in a namespace."""
        members = self._namespaces.get(namespace)
        member = None if members is None else members.member_of(eio_sid)
        return None if member is None else member.sid

    def eio_sid_from_sid(self, sid: object, namespace: str) -> str | None:
        """The connection of a session."""
        member = self._member(sid, namespace)
        return None if member is None else member.connection.sid

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Take a connection in while its `connect` handler decides; None if it is there already, or gone."""
        assert self._engine is not None
        connection = self._engine.connections.get(eio_sid)
        if connection is None or self.sid_from_eio_sid(eio_sid, namespace) is not None:
            return None
        member = Member(self.server.eio.generate_id(), connection)
        self._namespaces.setdefault(namespace, Namespace()).add(member)
        return member.sid

    async def connect(self, sid: str, namespace: str) -> str:
        """Called once the client has been told that it is connected; from here on it may receive."""
        member = self._member(sid, namespace)
        if member is None:
            return sid
        member.stage = Stage.CONNECTED
        assert self._engine is not None
        # By itself, a turn ahead of all else: the protocol's own test suite, on `ws` 8.5, loses the second of two
        # messages that it reads at once.
        self._engine.flush()
        await asyncio.sleep(0)
        self._engine.admit(member.connection)
        # Of one that went meanwhile, python-socketio hears next.
        is_open = member.connection.state is State.OPEN
        if is_open and self._on_connected is not None and namespace == DEFAULT_NAMESPACE:
            await self._on_connected(sid)
        return sid

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Its `disconnect` handler begins."""
        member = self._member(sid, namespace)
        if member is None:
            return None
        member.stage = Stage.LEAVING
        return member.connection.sid

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget a session, at the cost of its own rooms."""
        member = self._member(sid, namespace)
        if member is None:
            return
        for room in list(member.rooms):
            self.basic_leave_room(sid, namespace, room)
        members = self._namespaces[namespace]
        members.remove(member)
        if not members.everybody.members:
            del self._namespaces[namespace]
        self.callbacks.pop(sid, None)
        eio_sid = member.connection.sid
        if member.connection.is_open and not any(n.member_of(eio_sid) for n in self._namespaces.values()):
            assert self._engine is not None
            self._engine.estrange(member.connection)

    # -- rooms ------------------------------------------------------------------------------------------------------

    def is_sid_room(self, namespace: str, room: object) -> bool:
        """Whether a room is a session's own."""
        return self._member(room, namespace) is not None

    def basic_enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:  # noqa: ARG002
        """Put a session into a room. Raises `ValueError`."""
        member = self._member(sid, namespace)
        if member is None:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid:
            return
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        self._namespaces[namespace].enter(member, room)

    def basic_leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Take a session out of a room."""
        member = self._member(sid, namespace)
        if member is not None and self._namespaces[namespace].leave(member, room):
            self.on_room_emptied(namespace, room)

    def basic_close_room(self, room: str, namespace: str) -> None:
        """Take everybody on this pod out of a room. Raises `ValueError`."""
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot close a sid room")
        members = self._namespaces.get(namespace)
        for member in list(() if members is None else members.members_in(room)):
            self.basic_leave_room(member.sid, namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms of a session of this pod, its own among them."""
        member = self._member(sid, namespace)
        return [] if member is None else [sid, *member.rooms]


def _is_behind(connection: Connection) -> bool:
    """Whether a client that is still there has not taken what was written to it."""
    is_full = connection.has_waiting or (connection.is_websocket and connection.write is None)
    return connection.is_heard and is_full
