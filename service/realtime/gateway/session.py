"""A session: one connection of one identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor, Place
from realtime.gateway.tokens import Identity
from realtime.gateway.turns import Turn
from realtime.limits.bucket import TokenBucket


@dataclass(slots=True)
class CatchUp:
    """What a session, which is held meanwhile, has still to be told before it hears its rooms.

    `missed` is all that was published into each of `rooms` behind its cursor, up to `up_to`; who has heard nothing of
    it is at `start`. `reason`: why it is not all that the client asked for; `has_more`: more was missed than is told.
    """

    start: Cursor
    up_to: Cursor
    missed: Sequence[Delivery] = ()
    rooms: Mapping[str, Cursor] = field(default_factory=dict)
    reason: str | None = None
    has_more: bool = False

    def tells(self, delivery: Delivery) -> bool:
        """Whether a message is among what was missed."""
        behind = self.rooms.get(delivery.room, self.up_to).in_epoch(delivery.epoch)
        up_to = self.up_to.in_epoch(delivery.epoch)
        return behind is not None and up_to is not None and behind < delivery.offset <= up_to


@dataclass(slots=True, eq=False)
class Session:
    """What a pod knows of one connection. `connected_at_ms` is Unix time in milliseconds.

    `rooms` are the rooms that it is in, each with the place from which on it was. `pid` is set if its client may come
    back to this session.
    """

    id: str
    identity: Identity
    connected_at_ms: int
    commands: TokenBucket
    rooms: dict[str, Place] = field(default_factory=dict)
    refused_in_a_row: int = 0
    pid: str | None = None
    moves: int = 0  # how often it was taken over by another connection
    recovered: bool = False  # it goes on as if nothing had been
    was_away: bool = False  # nobody had told its user what came, and nobody else will
    is_welcome: bool = False  # it has been told all that it missed
    catch_up: CatchUp | None = None
    told_at_welcome: CatchUp | None = None  # rooms among it that it was not in may still be asked for
    orders_owed: Cursor | None = None  # what came to its orders behind this is told when it asks for them
    turn: Turn | None = None  # to read what it missed, and to be told
    told_before: Place | None = None  # while it is held: as far as it had been told
    heard: Place | None = None  # as far as its client has shown, when it was asked
    heard_of_all: Cursor = field(default_factory=Cursor)  # up to here its client has heard all of its rooms
    told_rooms_at: Cursor = field(default_factory=Cursor)  # where it was when it was last told of a room

    @property
    def user_id(self) -> str:
        """Whose session it is."""
        return self.identity.user_id
