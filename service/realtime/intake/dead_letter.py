"""Where records go that cannot become events: to a Kafka topic, whole, with the reason in their headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from realtime.errors import KafkaUnavailable
from realtime.intake.record import ATTEMPTS_HEADER, Record

log = structlog.get_logger(__name__)

# Kafka's own default limit of a message is 1 MiB; a reason must not push a record over it.
MAX_REASON_CHARACTERS = 1_000
# Headers that begin so are ours; a producer's own are not taken over, for they would pass for ours.
RESERVED_HEADERS: Final = "dead-letter-"
TOPIC_HEADER: Final = "dead-letter-topic"
PARTITION_HEADER: Final = "dead-letter-partition"
OFFSET_HEADER: Final = "dead-letter-offset"
TIMESTAMP_HEADER: Final = "dead-letter-timestamp-ms"
CODE_HEADER: Final = "dead-letter-code"
REASON_HEADER: Final = "dead-letter-reason"
CUT_HEADER: Final = "dead-letter-cut"
MAX_ATTEMPTS_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record, and why it is one: `code` for programs, `reason` for people, cut to `MAX_REASON_CHARACTERS`."""

    record: Record
    code: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", self.reason[:MAX_REASON_CHARACTERS])


class DeadLetterTopic:
    """Writes dead letters. The producer is started and stopped by its owner."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def send(self, letter: DeadLetter) -> None:
        """Return once Kafka has it. Raises `KafkaUnavailable`.

        Of a record that is too large for the topic only its place and the reason are kept: it must not hold up those
        behind it, and it still stands where it came from.
        A pod that dies between this and the next move of the position sends the letter again; its place tells the two
        for one.
        """
        record = letter.record
        ours = _own_headers(letter)
        # The producer's own headers stay, `traceparent` among them: the letter can be replayed as it was.
        theirs = [(name, value) for name, value in record.headers.items() if not name.startswith(RESERVED_HEADERS)]
        try:
            try:
                await self._write(record.key, record.value, [*theirs, *ours.items()])
            except MessageSizeTooLargeError:
                log.warning("dead_letter_too_large", record=record.place)
                await self._write(None, None, [*ours.items(), (CUT_HEADER, b"too large")])
        except UnknownTopicOrPartitionError as error:
            raise KafkaUnavailable(f"the dead-letter topic {self._topic} does not exist") from error
        except KafkaError as error:
            raise KafkaUnavailable(f"cannot write to {self._topic}: {error!r}") from error

    async def _write(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        await self._producer.send_and_wait(self._topic, key=key, value=writable_value(key, value), headers=headers)


def writable_value(key: bytes | None, value: bytes | None) -> bytes | None:
    """What to write as the value: an empty one where there is no key either, for aiokafka refuses to write neither."""
    return b"" if key is None and value is None else value


def read_attempts(headers: Mapping[str, bytes]) -> int:
    """How often the record with these headers has failed already; 0 for what is no number."""
    attempts = headers.get(ATTEMPTS_HEADER, b"")
    return int(attempts) if attempts.isdigit() and len(attempts) <= MAX_ATTEMPTS_DIGITS else 0


def _own_headers(letter: DeadLetter) -> dict[str, bytes]:
    record = letter.record
    return {
        TOPIC_HEADER: record.partition.topic.encode(),
        PARTITION_HEADER: str(record.partition.number).encode(),
        OFFSET_HEADER: str(record.offset).encode(),
        TIMESTAMP_HEADER: str(record.timestamp_ms).encode(),
        CODE_HEADER: letter.code.encode(),
        REASON_HEADER: letter.reason[:MAX_REASON_CHARACTERS].encode("utf-8", "replace"),
        ATTEMPTS_HEADER: str(read_attempts(record.headers) + 1).encode(),
    }
