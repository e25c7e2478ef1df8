"""A Kafka record, as far as we look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

# How often the record has failed: a replay hands it on, and the next failure counts it up.
ATTEMPTS_HEADER: Final = "dead-letter-attempts"


class Partition(NamedTuple):
    """A topic's partition; its records are in order."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.number}"


@dataclass(slots=True)
class Record:
    """Kafka's bytes, unread. `timestamp_ms` is Kafka's own, in milliseconds since the Unix epoch."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def is_replayed(self) -> bool:
        """Whether it was a dead letter: then its time tells nothing of how long it took to get here."""
        return ATTEMPTS_HEADER in self.headers

    @property
    def place(self) -> str:
        """Where it stands, for people and as the id of last resort: `topic:partition:offset`."""
        return f"{self.partition.topic}:{self.partition.number}:{self.offset}"
