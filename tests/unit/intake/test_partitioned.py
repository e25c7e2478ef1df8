"""Who waits for a partition is woken for this one alone; and aiokafka's private means are still those that we read."""

import asyncio
import hashlib
import inspect
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import ConsumerStoppedError, KafkaError, TopicAuthorizationFailedError

from parts.waiting import eventually
from realtime.intake.partitioned import PartitionedConsumer

A, B = TopicPartition("order.created", 0), TopicPartition("order.created", 1)
LONG_SECONDS = 60.0

FINGERPRINTS: dict[Callable[..., Any], str] = {
    Fetcher._create_fetch_waiter: "61d840568746",
    Fetcher._notify: "d3a30d94f34f",
    Fetcher._fetch_requests_routine: "2a8ec5932644",
    Fetcher._proc_fetch_request: "59bf948fff47",
    Fetcher._set_error: "d29810f3f509",
    Fetcher._update_fetch_positions: "d7774d8241dc",
    Fetcher.close: "1cd24bc1c442",
    AIOKafkaClient.force_metadata_update: "cb7befef21c8",
    FetchResult.getall: "3e717e30de50",
    Fetcher.fetched_records: "be4348896b9b",
    SubscriptionState.register_fetch_waiters: "db7aa916eaa5",
    SubscriptionState.abort_waiters: "fa0941110268",
}


class Woken(PartitionedConsumer):
    """A consumer without a Kafka; what comes, the test puts into its fetcher, as the answer to a fetch does."""

    def __init__(self) -> None:
        super().__init__(bootstrap_servers="127.0.0.1:1")
        self._fetcher: Any = Fetcher.__new__(Fetcher)
        self._fetcher._loop = asyncio.get_running_loop()
        self._fetcher._fetch_waiters = set()
        self._fetcher._records = {}
        self.asked: list[TopicPartition] = []

    async def getmany(self, partition: TopicPartition, timeout_ms: int, max_records: int) -> dict[Any, Any]:
        assert timeout_ms == 0, "that would wake everybody"
        if self._closed:
            raise ConsumerStoppedError
        self.asked.append(partition)
        return {partition: records} if (records := self._fetcher._records.pop(partition, None)) else {}

    def come(self, partition: TopicPartition, *records: str) -> None:
        self._fetcher._records[partition] = list(records)
        for waiter in self._fetcher._fetch_waiters:
            self._fetcher._notify(waiter)

    def close(self) -> None:
        self._closed = True
        for waiter in self._fetcher._fetch_waiters:
            self._fetcher._notify(waiter)

    def fail(self, error: KafkaError) -> None:
        for waiter in self._fetcher._fetch_waiters:
            waiter.set_exception(error)


@pytest.fixture
async def consumer() -> AsyncIterator[Woken]:
    consumer = Woken()
    yield consumer
    consumer._closed = True  # it was never started, so it cannot be stopped


async def ask(consumer: Woken, *partitions: TopicPartition) -> list["asyncio.Task[Any]"]:
    """Ask for each, and wait until all of them wait."""
    asking = [asyncio.create_task(consumer.take(partition, LONG_SECONDS, 10)) for partition in partitions]
    await eventually(lambda: set(partitions) <= set(consumer._waiting), 5, "they wait")
    return asking


async def test_what_is_here_is_taken_at_once(consumer: Woken) -> None:
    consumer.come(A, "1", "2")
    assert await consumer.take(A, LONG_SECONDS, 10) == ["1", "2"]
    assert consumer.asked == [A]


async def test_a_record_wakes_who_waits_for_its_partition_and_nobody_else(consumer: Woken) -> None:
    of_a, of_b = await ask(consumer, A, B)
    for number in range(3):
        consumer.come(A, str(number))
        assert await of_a == [str(number)]
        (of_a,) = await ask(consumer, A)
    assert consumer.asked.count(B) == 1
    consumer.come(B, "at last")
    assert await of_b == ["at last"]
    of_a.cancel()


async def test_what_comes_to_many_partitions_at_once_wakes_all_of_them(consumer: Woken) -> None:
    asking = await ask(consumer, A, B)
    consumer.come(A, "a")
    consumer.come(B, "b")
    assert await asyncio.gather(*asking) == [["a"], ["b"]]


async def test_nothing_comes_in_time(consumer: Woken) -> None:
    assert await consumer.take(A, 0.01, 10) == ()
    assert not consumer._waiting


async def test_what_has_come_and_is_no_record_is_waited_beyond(consumer: Woken) -> None:
    (of_a,) = await ask(consumer, A)
    consumer.come(A)  # a transaction that was taken back
    await eventually(
        lambda: consumer.asked.count(A) == 2 and A in consumer._waiting, 5, "it has looked and waits again"
    )
    consumer.come(A, "1")
    assert await of_a == ["1"]


async def test_when_the_consumer_closes_nobody_waits_any_longer(consumer: Woken) -> None:
    asking = await ask(consumer, A, B)
    consumer.close()
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, ConsumerStoppedError)
    assert not consumer._fetcher._fetch_waiters


async def test_an_error_of_the_consumer_is_told_to_everybody(consumer: Woken) -> None:
    asking = await ask(consumer, A, B)
    consumer.fail(TopicAuthorizationFailedError("order.created"))
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, TopicAuthorizationFailedError)


async def test_who_is_cancelled_wakes_nobody_and_what_came_waits_for_the_next(consumer: Woken) -> None:
    (of_a,) = await ask(consumer, A)
    of_a.cancel()
    await asyncio.wait([of_a])
    assert not consumer._waiting
    consumer.come(A, "1")
    assert await consumer.take(A, LONG_SECONDS, 10) == ["1"]


@pytest.mark.parametrize("function", FINGERPRINTS, ids=lambda function: function.__qualname__)
def test_what_we_lean_on_is_as_we_read_it(function: Callable[..., Any]) -> None:
    source = inspect.getsource(function).encode()
    assert hashlib.sha256(source).hexdigest()[:12] == FINGERPRINTS[function], (
        f"aiokafka {version('aiokafka')} has changed {function.__qualname__}: read it, see whether PartitionedConsumer"
        " still fits, and write the new fingerprint here"
    )


# --- topics of which nothing is known


class Looking(PartitionedConsumer):
    """A consumer without a Kafka; which partitions there are, the test says."""

    def __init__(self) -> None:
        super().__init__(bootstrap_servers="127.0.0.1:1")
        self.known: dict[str, set[int]] = {}
        self.asked_at: list[float] = []
        client: Any = SimpleNamespace(force_metadata_update=lambda: self.asked_at.append(time.monotonic()))
        self._client = client
        self._closed = True  # it was never started, so it cannot be stopped

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self.known.get(topic)


async def test_a_topic_without_partitions_is_asked_for_ever_less_often_and_not_once_it_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    consumer = Looking()

    def looks(seconds: int) -> list[float]:
        nonlocal now
        consumer.asked_at.clear()
        until = now + seconds
        while now < until:
            consumer.look_for(["order.created", "order.updated"])
            now += 0.5
        return list(consumer.asked_at)

    consumer.known = {"order.created": {0, 1}}
    assert looks(20) == [1, 2, 4, 8, 16]
    consumer.known["order.updated"] = {0}
    assert looks(100) == []
    del consumer.known["order.updated"]
    assert looks(8) == [120, 121, 123, 127]
    looks(1_000)
    assert len(looks(640)) == 10, "at least once a minute"
