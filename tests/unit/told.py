"""What is told of an event: the router's messages, read back from their packets."""

from typing import Any

from realtime.events.catalog import FACTS
from realtime.events.envelope import Event
from realtime.protocol.messages import encode_packets
from realtime.routing.routes import Router
from unit.fakes import NOON_MS
from unit.packets import read_packet

DEFAULT_THRESHOLD = 10

Told = tuple[str, tuple[str, ...], dict[str, Any]]


def make_event(event_type: str, **fields: Any) -> Event:
    """Make an event as the decoder does; fields are written as on the wire."""
    fact = FACTS[event_type].model_validate(fields, by_alias=True, by_name=False)
    return Event("e-1", event_type, fact, NOON_MS)


def tell(event_type: str, **fields: Any) -> list[Told]:
    """Name, rooms and data of each message that an event becomes, in order."""
    messages = Router(DEFAULT_THRESHOLD).route(make_event(event_type, **fields))
    packets = map(read_packet, encode_packets(messages))
    return [(name, message.rooms, data) for message, (name, data) in zip(messages, packets, strict=True)]
