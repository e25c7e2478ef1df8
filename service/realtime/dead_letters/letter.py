"""A dead letter, read back: where its record came from, why it is one, and whether it was replayed."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from aiokafka.structs import ConsumerRecord

from realtime.intake.dead_letter import (
    CODE_HEADER,
    CUT_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    RESERVED_HEADERS,
    TIMESTAMP_HEADER,
    TOPIC_HEADER,
    read_attempts,
)
from realtime.intake.record import ATTEMPTS_HEADER, Partition

# What a record of the dead-letter topic has that is no letter, but says that one was replayed: where it went to.
REPLAYED_TO_HEADER: Final = "dead-letter-replayed-to"

Headers = tuple[tuple[str, bytes], ...]


class Origin(NamedTuple):
    """Which record a letter holds. The time tells records of a topic that was made anew from those before."""

    partition: Partition
    offset: int
    timestamp_ms: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Replayed(NamedTuple):
    """That a letter was replayed: where to, and when."""

    to: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `origin` is None for what somebody else has written into the topic."""

    partition: int
    offset: int
    at_ms: int
    origin: Origin | None
    code: str
    reason: str
    attempts: int
    is_cut: bool
    key: bytes | None
    value: bytes | None
    headers: Headers  # the producer's own

    @property
    def place(self) -> str:
        """Where it stands in the dead-letter topic: `partition:offset`."""
        return f"{self.partition}:{self.offset}"


def read_letter(record: ConsumerRecord) -> Letter:
    """Read a letter; whatever stands in the topic can be read."""
    headers = {name: value or b"" for name, value in record.headers}
    return Letter(
        partition=record.partition,
        offset=record.offset,
        at_ms=record.timestamp,
        origin=_origin(headers),
        code=_text(headers.get(CODE_HEADER, b"unknown")),
        reason=_text(headers.get(REASON_HEADER, b"")),
        attempts=read_attempts(headers),
        is_cut=CUT_HEADER in headers,
        key=record.key,
        value=record.value,
        headers=their_headers(record),
    )


def their_headers(record: ConsumerRecord) -> Headers:
    """The producer's own headers."""
    return tuple((name, value or b"") for name, value in record.headers if not name.startswith(RESERVED_HEADERS))


def read_replayed(record: ConsumerRecord) -> tuple[Origin, Replayed] | None:
    """Read which letter a record says was replayed; None if it is a letter itself."""
    headers = {name: value or b"" for name, value in record.headers}
    origin = _origin(headers)
    if REPLAYED_TO_HEADER not in headers or origin is None:
        return None
    return origin, Replayed(_text(headers[REPLAYED_TO_HEADER]), record.timestamp)


def replayed_headers(origin: Origin, to: str) -> list[tuple[str, bytes]]:
    """What the record says that `read_replayed` reads."""
    return [
        (TOPIC_HEADER, origin.partition.topic.encode()),
        (PARTITION_HEADER, b"%d" % origin.partition.number),
        (OFFSET_HEADER, b"%d" % origin.offset),
        (TIMESTAMP_HEADER, b"%d" % origin.timestamp_ms),
        (REPLAYED_TO_HEADER, to.encode()),
    ]


def headers_for_replay(letter: Letter, theirs: Headers) -> list[tuple[str, bytes]]:
    """The producer's own, the id that the event keeps, and how often it has failed."""
    headers = list(theirs)
    if letter.origin is not None and all(name != "event-id" for name, _ in theirs):
        headers.append(("event-id", str(letter.origin).encode()))
    return [*headers, (ATTEMPTS_HEADER, b"%d" % letter.attempts)]


def _origin(headers: dict[str, bytes]) -> Origin | None:
    try:
        return Origin(
            Partition(headers[TOPIC_HEADER].decode(), int(headers[PARTITION_HEADER])),
            int(headers[OFFSET_HEADER]),
            int(headers[TIMESTAMP_HEADER]),
        )
    except (KeyError, ValueError):
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
