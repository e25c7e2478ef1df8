"""Dead letters: the record whole, the reason in headers, and never a reason to stop."""

from dataclasses import dataclass, field

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    UnknownTopicOrPartitionError,
)

from realtime.errors import KafkaUnavailable
from realtime.intake.dead_letter import DeadLetter, DeadLetterTopic
from realtime.intake.record import Partition, Record
from unit.fakes import NOON_MS


@dataclass
class Written:
    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


@dataclass
class FakeProducer:
    """A producer that keeps what it is given, unless it has `max_bytes` and that is more."""

    error: KafkaError | None = None
    max_bytes: int = 1_000_000
    written: list[Written] = field(default_factory=list)

    async def send_and_wait(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        assert key is not None or value is not None, "aiokafka refuses this"
        if self.error is not None:
            raise self.error
        if sum(map(len, (key or b"", value or b"", *(text for _, text in headers)))) > self.max_bytes:
            raise MessageSizeTooLargeError
        assert len(dict(headers)) == len(headers)
        self.written.append(Written(topic, key, value, dict(headers)))


def letter(value: bytes | None = b"\xff", reason: str = "no JSON", **headers: bytes) -> DeadLetter:
    record = Record(Partition("order.created", 3), 4711, NOON_MS, b"o-1", value, headers)
    return DeadLetter(record, "unreadable_record", reason)


async def test_a_letter_is_the_record_with_its_place_and_the_reason_in_headers() -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter())
    assert producer.written == [
        Written(
            "dead",
            b"o-1",
            b"\xff",
            {
                "dead-letter-topic": b"order.created",
                "dead-letter-partition": b"3",
                "dead-letter-offset": b"4711",
                "dead-letter-timestamp-ms": str(NOON_MS).encode(),
                "dead-letter-code": b"unreadable_record",
                "dead-letter-reason": b"no JSON",
                "dead-letter-attempts": b"1",
            },
        )
    ]


async def test_the_producers_own_headers_stay_with_the_trace_among_them() -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(traceparent=b"00-1-2-01", other=b"\xff"))
    assert producer.written[0].headers["traceparent"] == b"00-1-2-01"
    assert producer.written[0].headers["other"] == b"\xff"


async def test_a_letter_that_is_replayed_and_fails_again_says_where_it_failed_last() -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(**{"dead-letter-offset": b"1"}))
    assert producer.written[0].headers["dead-letter-offset"] == b"4711"


@pytest.mark.parametrize(("had", "has"), [(b"2", b"3"), (b"", b"1"), (b"x", b"1"), (b"-1", b"1"), (b"9" * 5_000, b"1")])
async def test_each_failure_counts_up(had: bytes, has: bytes) -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(**{"dead-letter-attempts": had}))
    assert producer.written[0].headers["dead-letter-attempts"] == has


async def test_headers_of_a_producer_do_not_pass_for_ours() -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(**{"dead-letter-replayed-to": b"x", "dead-letter-cut": b"x"}))
    assert not {"dead-letter-replayed-to", "dead-letter-cut"} & set(producer.written[0].headers)


async def test_a_record_with_neither_key_nor_value_is_a_letter_too() -> None:
    producer = FakeProducer()
    record = Record(Partition("order.created", 3), 4711, NOON_MS, None, None)
    await DeadLetterTopic(producer, "dead").send(DeadLetter(record, "unreadable_record", "no value"))
    assert (producer.written[0].key, producer.written[0].value) == (None, b"")


async def test_a_tombstone_stays_one() -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(value=None))
    assert producer.written[0].value is None


@pytest.mark.parametrize(("reason", "length"), [("x" * 1_000_000, 1_000), ("\ud800", 1), ("ü", 2)])
async def test_no_reason_is_too_long_or_too_strange_to_be_written(reason: str, length: int) -> None:
    producer = FakeProducer()
    await DeadLetterTopic(producer, "dead").send(letter(reason=reason))
    assert len(producer.written[0].headers["dead-letter-reason"]) == length


async def test_of_a_record_too_large_for_the_topic_its_place_and_the_reason_are_kept() -> None:
    producer = FakeProducer(max_bytes=1_000)
    await DeadLetterTopic(producer, "dead").send(letter(value=b"x" * 1_001, big=b"x" * 1_000))
    (written,) = producer.written
    assert (written.key, written.value) == (None, b"")
    assert written.headers["dead-letter-cut"] == b"too large"
    assert written.headers["dead-letter-offset"] == b"4711"
    assert written.headers["dead-letter-reason"] == b"no JSON"
    assert "big" not in written.headers


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnknownTopicOrPartitionError(), "the dead-letter topic dead does not exist"),
        (KafkaConnectionError(), "cannot write to dead"),
        (NotEnoughReplicasError(), "cannot write to dead"),
    ],
)
async def test_what_kafka_refuses_can_be_tried_again(error: KafkaError, words: str) -> None:
    with pytest.raises(KafkaUnavailable, match=words):
        await DeadLetterTopic(FakeProducer(error), "dead").send(letter())
