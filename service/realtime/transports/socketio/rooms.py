"""Who is in which room on this pod: what python-socketio's manager keeps, small and quick to leave."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto

from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.outbox import Audience


class Stage(Enum):
    """How far a member is."""

    CONNECTING = auto()  # its `connect` handler decides
    CONNECTED = auto()
    LEAVING = auto()  # its `disconnect` handler runs


class Member:
    """A connection in a namespace."""

    __slots__ = ("connection", "rooms", "sid", "stage")

    def __init__(self, sid: str, connection: Connection) -> None:
        self.sid = sid
        self.connection = connection
        self.stage = Stage.CONNECTING
        self.rooms: dict[str, None] = {}  # in the order in which it entered them


class Room:
    """Members, and the audience they are until one comes or goes."""

    __slots__ = ("_audience", "members")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._audience: Audience | None = None

    def add(self, member: Member) -> None:
        """Let a member in."""
        self.members[member.sid] = member
        self._audience = None

    def remove(self, member: Member) -> None:
        """Let a member out."""
        del self.members[member.sid]
        self._audience = None

    def audience(self) -> Audience:
        """Everybody."""
        if self._audience is None:
            self._audience = Audience([member.connection for member in self.members.values()])
        return self._audience


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


NOBODY = Audience(())
