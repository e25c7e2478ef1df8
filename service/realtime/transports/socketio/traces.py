"""The last span of a message's trace: a pod writes it to its sockets."""

from typing import Final

from realtime.protocol.rooms import kind_of
from realtime.telemetry.tracing import NO_SPAN, Attributes, Kind, Tracing

# https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
DELIVER_ATTRIBUTES: Final[Attributes] = {
    "messaging.system": "redis",
    "messaging.operation.name": "deliver",
    "messaging.operation.type": "process",
}


def trace_delivery(tracing: Tracing, room: str, traceparent: str, sockets: int) -> None:
    """Show that a room's message was written here, once, to however many sockets."""
    span = tracing.follow("deliver", Kind.CONSUMER, traceparent)
    if span is not NO_SPAN:
        # Not the room's own name: users' ids are in it.
        kind = kind_of(room)
        attributes = {**DELIVER_ATTRIBUTES, "messaging.destination.template": kind, "realtime.sockets": sockets}
        span.describe(attributes, name=f"deliver {kind}")
        span.end()
