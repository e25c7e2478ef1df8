"""How far clients have heard: that something was written to one shows nothing, that it answers does."""

from typing import Final

from realtime.broker.base import Broker
from realtime.broker.place import Cursor, Place
from realtime.gateway.attachment import Attachment
from realtime.gateway.session import Session
from realtime.protocol.rooms import user_room
from realtime.settings import SocketSettings

# How a connection ends that its client has ended: it was there, and had heard what was written. A connection that we
# end may be that of a client which has been in a tunnel for some time.
ENDED_BY_CLIENT: Final = frozenset({"client disconnect", "transport close"})
MICROSECONDS: Final = 1_000_000


class Hearing:
    """Knows of each session how far its client has heard for certain."""

    def __init__(self, attachment: Attachment, broker: Broker, sockets: SocketSettings) -> None:
        self._attachment = attachment
        self._broker = broker
        # Who is silent for longer is closed.
        self._unanswered_offsets = int((sockets.ping_interval_seconds + sockets.ping_timeout_seconds) * MICROSECONDS)

    def ask(self, session: Session) -> None:
        """Ask a client that is closed next to show that it has heard all so far; it has a moment to answer."""
        if session.is_welcome:
            told = self._told(session)

            def heard() -> None:
                session.heard = told

            self._attachment.when_heard(session.id, heard)

    def up_to(self, session: Session, reason: str) -> Place:
        """How far a client had heard whose connection has ended: never too far, perhaps not far enough."""
        told = self._told(session)
        if reason in ENDED_BY_CLIENT:
            return told
        # It has answered a ping since, or it would have been closed before.
        answered = Place(told.epoch, max(told.offset - self._unanswered_offsets, 0))
        known = (answered, session.rooms[user_room(session.user_id)], session.heard)
        return max(place for place in known if place is not None and place.epoch == told.epoch)

    def note_all(self, session: Session) -> None:
        """Note how far a client that is still there has heard all of its rooms: what it has answered a ping behind.

        A place that lies as long ago as histories are kept is none to go on from, though nothing was said since.
        """
        if not session.is_welcome or session.catch_up is not None:
            return
        heard = Cursor(Place(epoch, offset - self._unanswered_offsets) for epoch, offset in self._broker.told())
        # What was missed in a room is written later than it was published.
        if all(offset >= (session.told_rooms_at.in_epoch(epoch) or 0) for epoch, offset in heard):
            session.heard_of_all = heard

    def _told(self, session: Session) -> Place:
        return session.told_before or self._broker.told_in(user_room(session.user_id))
