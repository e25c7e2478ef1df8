"""What every kind of event says in the same way."""

from realtime.clock import iso_utc
from realtime.events.envelope import Event
from realtime.protocol.messages import Announcement, Priority


def announce(event: Event, sentence: str, priority: Priority) -> Announcement:
    """Say in a sentence what happened, and when."""
    return Announcement(event_id=event.id, message=sentence, priority=priority, timestamp=iso_utc(event.occurred_ms))
