"""What is read for who returns, and which places stand for what it was told. Pure."""

from collections.abc import Sequence

from realtime.broker.base import Delivery, Missed
from realtime.broker.place import Cursor, Place
from realtime.gateway.returning import Return
from realtime.gateway.session import Session
from realtime.protocol.rooms import orders_room, user_room
from realtime.resumption.base import ResumableSession


def has_heard(session: Session, delivery: Delivery) -> bool:
    """Whether a message came to the session by another of its rooms, or at its welcome."""
    if session.told_at_welcome is not None and session.told_at_welcome.tells(delivery):
        return True
    others = (*delivery.except_rooms, *delivery.later_rooms)
    places = [session.rooms[room] for room in others if room in session.rooms]
    return any(place.epoch == delivery.epoch and place.offset < delivery.offset for place in places)


def own_rooms(session: Session) -> tuple[str, str]:
    """What came there for an absent user waits."""
    return user_room(session.user_id), orders_room(session.user_id)


def what_to_read(
    session: Session, before: ResumableSession | None, returning: Return, away_since: Place | None
) -> dict[str, Cursor]:
    """Rooms that a client knows up to some place, and these places; empty: it comes as if for the first time."""
    cursor = returning.cursor
    if before is not None:
        heard = Cursor(before.heard)
        after = {room: later(cursor, _not_before(place, heard)) for room, place in before.rooms.items()}
        if session.was_away and (cursor is not None or away_since is not None):
            # What came for an absent user comes with the first device, whether that had joined the room or not.
            after.setdefault(orders_room(session.user_id), later(cursor, away_since))
        return after
    if cursor is None:
        return {}
    # All behind its own place, even what another device was told. Who goes by places asks for its orders itself,
    # perhaps with an older place than this; told of them now, it would hear the older ones behind the newer.
    is_told_orders = session.was_away and not returning.goes_by_places
    return dict.fromkeys(own_rooms(session) if is_told_orders else [user_room(session.user_id)], cursor)


def earlier(cursor: Cursor | None, other: Cursor) -> Cursor:
    """The earlier of both in each order; what only one of them knows is that one's."""
    offsets = dict(other)
    for epoch, offset in cursor or ():
        offsets[epoch] = min(offset, offsets.get(epoch, offset))
    return Cursor(Place(epoch, offset) for epoch, offset in offsets.items())


def later(cursor: Cursor | None, place: Place | None) -> Cursor:
    """The later of both; of two epochs, the cursor, for that is what the client has."""
    if place is None or cursor is None:
        return cursor or Cursor([place] if place is not None else [])
    offset = cursor.in_epoch(place.epoch)
    if offset is None or offset >= place.offset:
        return cursor
    return Cursor(place if place.epoch == other.epoch else other for other in cursor)


def _not_before(place: Place, heard: Cursor) -> Place:
    return Place(place.epoch, max(place.offset, heard.in_epoch(place.epoch) or 0))


def each_once(deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    """A message that went to several of the rooms, by the first of them."""
    return list({(d.epoch, d.offset): d for d in reversed(deliveries)}.values())[::-1]


def just_before(missed: Missed) -> Cursor:
    """Up to where all is known to who has none of what was missed yet."""
    first = {delivery.epoch: delivery.offset - 1 for delivery in reversed(missed.deliveries)}
    return Cursor(Place(epoch, first.get(epoch, offset)) for epoch, offset in missed.up_to)


def place_of(place: Place, cursor: Cursor) -> Place:
    """The cursor's place in the same order; the place itself if it has none."""
    offset = cursor.in_epoch(place.epoch)
    return place if offset is None else Place(place.epoch, offset)
