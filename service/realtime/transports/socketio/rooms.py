"""Who is in which room on this pod: what python-socketio's manager keeps, small and quick to leave."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from realtime.broker.base import Delivery
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.outbox import Audience
from realtime.transports.socketio.hold import Hold


class Stage(Enum):
    """How far a member is."""

    CONNECTING = auto()  # its `connect` handler decides
    CONNECTED = auto()
    LEAVING = auto()  # its `disconnect` handler runs


class Member:
    """A connection in a namespace."""

    __slots__ = ("connection", "hold", "pid", "rooms", "sid", "stage")

    def __init__(self, sid: str, connection: Connection) -> None:
        self.sid = sid
        self.connection = connection
        self.stage = Stage.CONNECTING
        self.rooms: dict[str, None] = {}  # in the order in which it entered them
        self.pid: str | None = None  # by which its client may come back; then it is told each message's place
        self.hold: Hold | None = None  # what its rooms say meanwhile, while it is being told what it missed


NOBODY = Audience(())


class Listeners(NamedTuple):
    """Who hears a room's messages: as they are, and with their places."""

    plain: Audience
    placed: Audience


class Room:
    """Members, and the audiences they are until one comes or goes."""

    __slots__ = ("_audience", "_listeners", "held", "members")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.held: dict[str, Member] | None = None  # those of them who hear later
        self._audience: Audience | None = None
        self._listeners: Listeners | None = None

    def add(self, member: Member) -> None:
        """Let a member in."""
        self.members[member.sid] = member
        self._audience = None
        self.note_hold(member)

    def remove(self, member: Member) -> None:
        """Let a member out."""
        del self.members[member.sid]
        self._audience = None
        self._forget_hold(member)

    def note_hold(self, member: Member) -> None:
        """Let a member hear what is said here, or have it kept for later, as its `hold` says."""
        self._forget_hold(member)
        if member.hold is not None:
            self.held = self.held or {}
            self.held[member.sid] = member

    def _forget_hold(self, member: Member) -> None:
        self._listeners = None
        if self.held is not None:
            self.held.pop(member.sid, None)
            self.held = self.held or None

    def audience(self) -> Audience:
        """Everybody."""
        if self._audience is None:
            self._audience = Audience([member.connection for member in self.members.values()])
        return self._audience

    def listeners(self) -> Listeners:
        """Everybody who hears messages now."""
        if self._listeners is None:
            self._listeners = _listeners([m for m in self.members.values() if m.hold is None])
        return self._listeners


def _listeners(members: Sequence[Member]) -> Listeners:
    plain = [member.connection for member in members if member.pid is None]
    placed = [member.connection for member in members if member.pid is not None]
    return Listeners(Audience(plain) if plain else NOBODY, Audience(placed) if placed else NOBODY)


class Namespace:
    """The members of one namespace, and their rooms. A member's own id is a room, too, which nobody else enters."""

    def __init__(self) -> None:
        self.everybody = Room()
        self.rooms: dict[str, Room] = {}
        self._by_eio_sid: dict[str, Member] = {}

    def find(self, sid: str) -> Member | None:
        """A member by its Socket.IO id."""
        return self.everybody.members.get(sid)

    def member_of(self, eio_sid: str) -> Member | None:
        """A connection's member."""
        return self._by_eio_sid.get(eio_sid)

    def add(self, member: Member) -> None:
        """Take a member in."""
        self.everybody.add(member)
        self._by_eio_sid[member.connection.sid] = member

    def remove(self, member: Member) -> None:
        """Let a member go; it has left its rooms."""
        self.everybody.remove(member)
        del self._by_eio_sid[member.connection.sid]

    def enter(self, member: Member, room: str) -> bool:
        """Put a member into a room; whether it was not there before."""
        if room in member.rooms:
            return False
        members = self.rooms.get(room)
        if members is None:
            members = self.rooms[room] = Room()
        members.add(member)
        member.rooms[room] = None
        return True

    def leave(self, member: Member, room: str) -> bool:
        """Take a member out of a room; whether the room is empty now."""
        if room not in member.rooms:
            return False
        del member.rooms[room]
        members = self.rooms[room]
        members.remove(member)
        if members.members:
            return False
        del self.rooms[room]
        return True

    def hold(self, member: Member, hold: Hold | None) -> None:
        """Keep for a member what its rooms say, from now on, or let it hear again."""
        member.hold = hold
        for room in member.rooms:
            self.rooms[room].note_hold(member)

    def listeners(self, delivery: Delivery) -> Listeners | None:
        """Who hears a delivery now; None if nobody is in its room."""
        room = self.rooms.get(delivery.room)
        if room is None:
            return None
        others = [self.rooms[other].members for other in delivery.except_rooms if other in self.rooms]
        if not others:
            return room.listeners()
        hearing = [member for member in room.members.values() if member.hold is None]
        return _listeners([m for m in hearing if not any(m.sid in other for other in others)])

    def holds(self, delivery: Delivery) -> Sequence[Hold]:
        """Where a delivery is kept for members that hear it later; which of its rooms they are in then, shows then."""
        room = self.rooms.get(delivery.room)
        if room is None or room.held is None:
            return ()
        return [member.hold for member in room.held.values() if member.hold is not None]

    def members_in(self, room: str | None) -> Collection[Member]:
        """Who is in a room (None: in the namespace)."""
        if room is None:
            return self.everybody.members.values()
        members = self.rooms.get(room)
        if members is not None:
            return members.members.values()
        member = self.find(room)
        return () if member is None else (member,)

    def audience(
        self, room: str | None, except_rooms: Collection[str] = (), except_sids: Collection[str] = ()
    ) -> Audience:
        """Who hears what is said in a room, without members of others."""
        if except_rooms or except_sids:
            others = [self.rooms[other].members for other in except_rooms if other in self.rooms]
            except_sids = {*except_sids, *(sid for sid in except_rooms if self.find(sid) is not None)}
            if others or except_sids:
                return self._audience_without(room, others, except_sids)
        if room is None:
            return self.everybody.audience()
        members = self.rooms.get(room)
        if members is not None:
            return members.audience()
        member = self.find(room)
        return NOBODY if member is None else Audience((member.connection,))

    def _audience_without(
        self, room: str | None, others: Sequence[Mapping[str, Member]], except_sids: Collection[str]
    ) -> Audience:
        return Audience(
            member.connection
            for member in self.members_in(room)
            if member.sid not in except_sids and not any(member.sid in other for other in others)
        )
