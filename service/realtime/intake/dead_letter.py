"""Where records go that cannot become events: to a Kafka topic, whole, with the reason in their headers."""

from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from realtime.errors import KafkaUnavailable
from realtime.intake.record import Record

log = structlog.get_logger(__name__)

# Kafka's own default limit of a message is 1 MiB; a reason must not push a record over it.
MAX_REASON_CHARACTERS = 1_000


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
        theirs = [(name, value) for name, value in record.headers.items() if name not in ours]
        try:
            try:
                await self._write(record.key, record.value, [*theirs, *ours.items()])
            except MessageSizeTooLargeError:
                log.warning("dead_letter_too_large", record=record.place)
                await self._write(None, None, [*ours.items(), ("dead-letter-cut", b"too large")])
        except UnknownTopicOrPartitionError as error:
            raise KafkaUnavailable(f"the dead-letter topic {self._topic} does not exist") from error
        except KafkaError as error:
            raise KafkaUnavailable(f"cannot write to {self._topic}: {error!r}") from error

    async def _write(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        await self._producer.send_and_wait(self._topic, key=key, value=value, headers=headers)


def _own_headers(letter: DeadLetter) -> dict[str, bytes]:
    record = letter.record
    return {
        "dead-letter-topic": record.partition.topic.encode(),
        "dead-letter-partition": str(record.partition.number).encode(),
        "dead-letter-offset": str(record.offset).encode(),
        "dead-letter-timestamp-ms": str(record.timestamp_ms).encode(),
        "dead-letter-code": letter.code.encode(),
        "dead-letter-reason": letter.reason[:MAX_REASON_CHARACTERS].encode("utf-8", "replace"),
    }
