"""What clients receive: named messages, addressed to rooms, and their bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel


class Priority(StrEnum):
    """How loudly an app should tell its user."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Part(Protocol):
    """Some of a message's fields."""

    def json_fields(self) -> bytes:
        """What stands between the braces of a JSON object: camelCase, fields without a value left out, never empty."""
        ...


class MessagePart(BaseModel):
    """A part for which making and writing it may take some microseconds."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)

    def json_fields(self) -> bytes:
        """See `Part`."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)[1:-1]


# What is made for each record is not frozen: that would cost a call for each field. Nobody changes it.
@dataclass(slots=True)
class Announcement:
    """What a message says beside the event's own fields: a sentence for people, and where it comes from.

    `timestamp` is when the event happened (the Kafka record's time), ISO 8601 in UTC with milliseconds.
    """

    event_id: str
    message: str
    priority: Priority
    timestamp: str

    def json_fields(self) -> bytes:
        """See `Part`."""
        fields = {
            "eventId": self.event_id,
            "message": self.message,
            "priority": self.priority,
            "timestamp": self.timestamp,
        }
        return orjson.dumps(fields)[1:-1]


@dataclass(slots=True)
class Notification:
    """Something to show to a user, whatever app or page is open."""

    event_id: str
    title: str
    message: str
    priority: Priority
    timestamp: str
    type: str | None = None
    order_id: str | None = None

    def json_fields(self) -> bytes:
        """See `Part`."""
        fields = {
            "eventId": self.event_id,
            "title": self.title,
            "message": self.message,
            "priority": self.priority,
            "timestamp": self.timestamp,
        }
        if self.type is not None:
            fields["type"] = self.type
        if self.order_id is not None:
            fields["orderId"] = self.order_id
        return orjson.dumps(fields)[1:-1]


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


@dataclass(slots=True)
class Message:
    """A message to everybody in any of some rooms.

    `rooms` are one or more; who is in several of them receives the message once. Its data is one JSON object with the
    fields of all `parts`; no two parts share a field. Of messages with the same `conflation_key` only the latest
    matters: a client that is behind may be spared the others.
    """

    name: str
    rooms: tuple[str, ...]
    parts: tuple[Part, ...]
    conflation_key: str | None = None


def encode_packets(messages: Iterable[Message]) -> list[bytes]:
    """Encode messages as Socket.IO EVENT packets of the default namespace, in UTF-8 (socket.io-protocol v5).

    Messages that share a tuple of parts share its encoding.
    """
    kept = tuple(messages)  # parts that are gone would leave their id to others
    written: dict[int, bytes] = {}
    packets = []
    for message in kept:
        parts = message.parts
        data = written.get(id(parts))
        if data is None:
            data = written[id(parts)] = b",".join([part.json_fields() for part in parts])
        packets.append(b'2["%b",{%b}]' % (message.name.encode(), data))
    return packets
