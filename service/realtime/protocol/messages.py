"""What clients receive: named messages, addressed to rooms, and their bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel


class Priority(StrEnum):
    """How loudly an app should tell its user."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class MessagePart(BaseModel):
    """Some of a message's fields; camelCase on the wire, fields without a value left out."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)


class Announcement(MessagePart):
    """What a message says beside the event's own fields: a sentence for people, and where it comes from.

    `timestamp` is when the event happened (the Kafka record's time), ISO 8601 in UTC with milliseconds.
    """

    event_id: str
    message: str
    priority: Priority
    timestamp: str


class Notification(MessagePart):
    """Something to show to a user, whatever app or page is open."""

    event_id: str
    title: str
    message: str
    priority: Priority
    timestamp: str
    type: str | None = None
    order_id: str | None = None


class StockAlert(MessagePart):
    """Stock is `low` (at or below `threshold`) or `out`."""

    alert: str
    threshold: int


class AdminNotice(MessagePart):
    """Something that one admin, or a service, tells all admins."""

    event_id: str
    message: str
    priority: Priority
    timestamp: str
    title: str | None = None
    data: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message to everybody in any of some rooms.

    `rooms` are one or more; who is in several of them receives the message once. Its data is one JSON object with the
    fields of all `parts`; no two parts share a field. Of messages with the same `conflation_key` only the latest
    matters: a client that is behind may be spared the others.
    """

    name: str
    rooms: tuple[str, ...]
    parts: tuple[BaseModel, ...]
    conflation_key: str | None = None


def encode_packets(messages: Iterable[Message]) -> list[bytes]:
    """Encode messages as Socket.IO EVENT packets of the default namespace, in UTF-8 (socket.io-protocol v5).

    A part that several messages share, such as the fact itself, is encoded once.
    """
    kept = tuple(messages)  # a part that is gone would leave its id to another
    fields: dict[int, bytes] = {}
    packets = []
    for message in kept:
        for part in message.parts:
            if id(part) not in fields:
                # Without the braces: an object's fields are joined with those of the other parts.
                fields[id(part)] = part.model_dump_json(by_alias=True, exclude_none=True).encode()[1:-1]
        data = b",".join(fields[id(part)] for part in message.parts)
        packets.append(b'2["%b",{%b}]' % (message.name.encode(), data))
    return packets
