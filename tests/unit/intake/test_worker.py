"""One partition's way: where it begins, that it goes on in order, and what it does when Redis has forgotten."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, MutableMapping, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from parts.waiting import eventually
from realtime.broker.base import NO_POSITION, Outcome
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.intake import worker as worker_module
from realtime.intake.record import Partition, Record
from realtime.intake.worker import PartitionWorker
from realtime.settings import KafkaSettings
from realtime.telemetry.metrics import Metrics
from unit.fakes import NOON_MS, a_breaker

PARTITION = Partition("order.created", 3)
KEY = TopicPartition("order.created", 3)
SETTINGS = KafkaSettings()


def raw(offset: int, timestamp: int = NOON_MS, headers: tuple[tuple[str, bytes | None], ...] = ()) -> Any:
    return ConsumerRecord("order.created", 3, offset, timestamp, 0, b"k", b"{}", None, 1, 2, headers)


class FakeConsumer:
    """A consumer of one partition that gives the fetches it was given, and then nothing."""

    def __init__(
        self, *fetches: list[Any] | Exception, begin: int = 0, end: int = 1_000, committed: int | None = None
    ) -> None:
        self._fetches = deque(fetches)
        self._begin = begin
        self._end = end
        self.answered_ms: int | None = None
        self.has_partition = True
        self._committed = committed
        self.went_to: list[int | str] = []
        self.is_empty = asyncio.Event()

    async def take(self, partition: TopicPartition, timeout_seconds: float, max_records: int) -> list[Any]:
        if not self._fetches:
            self.is_empty.set()
            await asyncio.Event().wait()
        fetched = self._fetches.popleft()
        if isinstance(fetched, Exception):
            raise fetched
        return fetched

    def assignment(self) -> set[TopicPartition]:
        return {KEY} if self.has_partition else set()

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        assert self.has_partition
        return self.answered_ms

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.went_to.append(offset)

    def highwater(self, partition: TopicPartition) -> int:
        assert self.has_partition
        return self._end

    def last_stable_offset(self, partition: TopicPartition) -> int:
        return self._end

    async def seek_to_committed(self, partition: TopicPartition) -> dict[TopicPartition, int | None]:
        if self._committed is not None:
            self.went_to.append("committed")
        return {partition: self._committed}

    async def seek_to_beginning(self, partition: TopicPartition) -> None:
        self.went_to.append("beginning")

    async def seek_to_end(self, partition: TopicPartition) -> None:
        self.went_to.append("end")

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._begin)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._end)


class FakePipeline:
    """Notes what it is handed, and answers with the outcomes it was given, else that all went well."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = deque(outcomes)
        self.handled: list[tuple[int, list[int]]] = []
        self.records: list[Record] = []

    async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
        assert partition == PARTITION
        self.handled.append((after, [record.offset for record in records]))
        self.records += records
        return self._outcomes.popleft() if self._outcomes else Outcome(records[-1].offset)


class Intake:
    """Runs a worker until its consumer has no more."""

    def __init__(self, hub: MemoryHub, metrics: Metrics, tasks: asyncio.TaskGroup) -> None:
        self._hub, self._metrics, self._tasks = hub, metrics, tasks

    async def take_in(self, consumer: FakeConsumer, pipeline: FakePipeline) -> PartitionWorker:
        fakes: Any = (consumer, pipeline)
        worker = PartitionWorker(
            PARTITION, *fakes, MemoryBroker(self._hub, "pod"), a_breaker(), self._metrics, SETTINGS
        )
        worker.start(self._tasks)
        await consumer.is_empty.wait()
        await worker.stop(5)
        return worker


@pytest.fixture
async def intake(hub: MemoryHub, metrics: Metrics) -> AsyncIterator[Intake]:
    async with asyncio.TaskGroup() as tasks:
        yield Intake(hub, metrics, tasks)


async def test_without_a_position_kafkas_committed_offset_counts(intake: Intake) -> None:
    consumer, pipeline = FakeConsumer([raw(5), raw(6)], [raw(7)]), FakePipeline()
    worker = await intake.take_in(consumer, pipeline)
    assert consumer.went_to == []
    assert pipeline.handled == [(NO_POSITION, [5, 6]), (6, [7])]
    assert worker.published_offset == 7


@pytest.mark.parametrize("error", [KafkaError(), ConsumerStoppedError()])
async def test_a_fetch_that_fails_is_made_again(
    intake: Intake, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(worker_module, "FETCH_TIMEOUT_SECONDS", 0.001)
    pipeline = FakePipeline()
    await intake.take_in(FakeConsumer(error, [raw(0)]), pipeline)
    assert pipeline.handled == [(NO_POSITION, [0])]


async def test_a_partition_is_continued_behind_its_position(intake: Intake, hub: MemoryHub) -> None:
    hub.positions["order.created", 3] = 41
    consumer, pipeline = FakeConsumer([raw(42)]), FakePipeline()
    await intake.take_in(consumer, pipeline)
    assert consumer.went_to == [42]
    assert pipeline.handled == [(41, [42])]


@pytest.fixture
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LOOK_AT_POSITION_SECONDS", 0)


@pytest.mark.usefixtures("looks_at_once")
async def test_a_position_beyond_the_end_holds_the_partition_until_it_is_deleted(
    hub: MemoryHub, metrics: Metrics, logs: list[MutableMapping[str, Any]]
) -> None:
    hub.positions["order.created", 3] = 41
    consumer, pipeline = FakeConsumer([raw(0)], end=41), FakePipeline()
    fakes: Any = (consumer, pipeline)
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await eventually(lambda: worker.is_held, 5, "it is held")
        consumer._end = 1_000  # the new topic grows, and holds as many records
        for _ in range(100):
            await asyncio.sleep(0)
        assert worker.is_held
        assert (pipeline.handled, worker.published_offset, worker.unanswered_seconds()) == ([], NO_POSITION, 0)
        (told,) = [entry for entry in logs if entry["log_level"] == "error"]
        assert told["event"] == "position_beyond_end"
        assert "made anew" in told["help"]
        del hub.positions["order.created", 3]
        await consumer.is_empty.wait()
        assert not worker.is_held
        await worker.stop(5)
    assert consumer.went_to == ["beginning"]
    assert pipeline.handled == [(NO_POSITION, [0])]


@pytest.mark.usefixtures("looks_at_once")
async def test_a_topic_that_is_made_anew_under_way_holds_its_partition(hub: MemoryHub, metrics: Metrics) -> None:
    class PublishingPipeline(FakePipeline):
        async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
            hub.positions[partition] = records[-1].offset
            return await super().handle(partition, after, records)

    hub.positions["order.created", 3] = 40
    consumer, pipeline = FakeConsumer([raw(41)], OffsetOutOfRangeError({KEY: 42}), [raw(0)]), PublishingPipeline()
    fakes: Any = (consumer, pipeline)
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await eventually(lambda: worker.is_held, 5, "it is held")
        await worker.stop(5)
    assert pipeline.handled == [(40, [41])]


async def test_what_kafka_has_deleted_before_it_was_taken_in_is_told_and_the_rest_is_taken_in(
    intake: Intake, hub: MemoryHub, logs: list[MutableMapping[str, Any]]
) -> None:
    hub.positions["order.created", 3] = 41
    consumer, pipeline = FakeConsumer(OffsetOutOfRangeError({KEY: 42}), [raw(60)], begin=60), FakePipeline()
    await intake.take_in(consumer, pipeline)
    assert consumer.went_to == [42, "beginning"]
    assert pipeline.handled == [(41, [60])]
    (told,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (told["event"], told["published"], told["goes_on_at"]) == ("place_gone", 41, 60)


@pytest.mark.parametrize(("start_at", "went_to"), [("earliest", "beginning"), ("latest", "end")])
async def test_where_nobody_knows_a_position_the_setting_counts(
    hub: MemoryHub, metrics: Metrics, start_at: str, went_to: str
) -> None:
    consumer = FakeConsumer(NoOffsetForPartitionError(KEY))
    fakes: Any = (consumer, FakePipeline())
    settings = KafkaSettings(start_at=start_at)
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, settings)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await consumer.is_empty.wait()
        await worker.stop(5)
    assert consumer.went_to == [went_to]


async def test_a_position_right_before_the_end_is_no_reason_to_tell(
    intake: Intake, hub: MemoryHub, logs: list[MutableMapping[str, Any]]
) -> None:
    hub.positions["order.created", 3] = 41
    await intake.take_in(FakeConsumer(end=42), FakePipeline())
    assert not [entry for entry in logs if entry["log_level"] == "error"]


async def test_kafka_answers_as_long_as_it_says_that_there_is_nothing(
    hub: MemoryHub, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monotonic_seconds = 1_000.0
    monkeypatch.setattr(worker_module.time, "monotonic", lambda: monotonic_seconds)
    monkeypatch.setattr(worker_module.time, "time", lambda: monotonic_seconds)
    consumer = FakeConsumer()
    fakes: Any = (consumer, FakePipeline())
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await consumer.is_empty.wait()
        monotonic_seconds += 30
        assert worker.unanswered_seconds() == 30
        consumer.answered_ms = 1_029_000
        assert worker.unanswered_seconds() == 1
        consumer.has_partition = False
        assert worker.unanswered_seconds() == 30
        await worker.stop(5)


async def test_when_redis_is_behind_kafka_is_rewound_to_its_position(intake: Intake, metrics: Metrics) -> None:
    consumer = FakeConsumer([raw(5)], [raw(6)], [raw(3), raw(4)])
    pipeline = FakePipeline(Outcome(5), Outcome(2, behind=True))
    worker = await intake.take_in(consumer, pipeline)
    assert consumer.went_to == [3]
    assert pipeline.handled == [(NO_POSITION, [5]), (5, [6]), (2, [3, 4])]
    assert worker.published_offset == 4
    assert metrics.rewinds._value.get() == 1


@pytest.mark.parametrize(("committed", "went_to"), [(3, ["committed"]), (None, ["beginning"])])
async def test_when_redis_has_lost_everything_kafkas_committed_offset_counts(
    intake: Intake, committed: int | None, went_to: list[str]
) -> None:
    consumer = FakeConsumer([raw(5)], committed=committed)
    worker = await intake.take_in(consumer, FakePipeline(Outcome(NO_POSITION, behind=True)))
    assert consumer.went_to == went_to
    assert worker.published_offset == NO_POSITION


async def test_a_header_without_a_value_is_an_empty_one(intake: Intake) -> None:
    pipeline = FakePipeline()
    await intake.take_in(FakeConsumer([raw(0, headers=(("traceparent", None), ("x", b"y")))]), pipeline)
    assert pipeline.records[0].headers == {"traceparent": b"", "x": b"y"}


@pytest.mark.parametrize("timestamp", [0, -1])
async def test_a_record_without_a_time_happens_now(intake: Intake, timestamp: int) -> None:
    pipeline = FakePipeline()
    await intake.take_in(FakeConsumer([raw(0, timestamp)]), pipeline)
    assert pipeline.records[0].timestamp_ms > 1_700_000_000_000


async def test_a_worker_that_is_stopped_finishes_its_batch(hub: MemoryHub, metrics: Metrics) -> None:
    may_finish = asyncio.Event()

    class SlowPipeline(FakePipeline):
        async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
            has_begun.set()
            await may_finish.wait()
            return await super().handle(partition, after, records)

    has_begun = asyncio.Event()
    fakes: Any = (FakeConsumer([raw(0)], [raw(1)]), SlowPipeline())
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await has_begun.wait()
        stopping = tasks.create_task(worker.stop(5))
        may_finish.set()
        await stopping
    assert worker.published_offset == 0


async def test_a_worker_that_hangs_is_cut_off(
    hub: MemoryHub, metrics: Metrics, logs: list[MutableMapping[str, Any]]
) -> None:
    class HangingPipeline(FakePipeline):
        async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
            has_begun.set()
            await asyncio.Event().wait()
            raise AssertionError

    has_begun = asyncio.Event()
    fakes: Any = (FakeConsumer([raw(0)]), HangingPipeline())
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await has_begun.wait()
        await worker.stop(0)
    assert worker.published_offset == NO_POSITION
    assert [entry["event"] for entry in logs].count("partition_batch_abandoned") == 1


# -- how far behind it is -------------------------------------------------------------------------------------------


class Time:
    """Both clocks of the worker, which stand still until they are told to go on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return NOON_MS / 1_000 + self.seconds - 1_000

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Time:
    clocks = Time()
    monkeypatch.setattr(worker_module, "time", clocks)
    return clocks


class GatedConsumer(FakeConsumer):
    """Gives each fetch when the test lets it through; it may be empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queue: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.asked = 0
        self.is_silent = False  # then an empty fetch is one that Kafka has not answered

    async def take(self, partition: TopicPartition, timeout_seconds: float, max_records: int) -> list[Any]:
        self.asked += 1
        fetched = await self.queue.get()
        if not self.is_silent:
            self.answered_ms = (self.answered_ms or NOON_MS) + 1
        return fetched


class GatedPipeline(FakePipeline):
    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
        self.begun.set()
        await self.gate.wait()
        self.begun.clear()
        return await super().handle(partition, after, records)


class Lagging:
    """A worker whose every step the test decides on."""

    def __init__(self, hub: MemoryHub, metrics: Metrics, clocks: Time) -> None:
        self.clocks = clocks
        self.consumer, self.pipeline = GatedConsumer(end=41), GatedPipeline()
        hub.positions["order.created", 3] = 40
        fakes: Any = (self.consumer, self.pipeline)
        self.worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)

    async def asks(self, times: int) -> None:
        await eventually(lambda: self.consumer.asked == times, 5, "it asks Kafka")

    async def fetches(self, *records: Any) -> None:
        self.consumer.queue.put_nowait(list(records))
        if records:
            await asyncio.wait_for(self.pipeline.begun.wait(), 5)

    def goes_on(self, seconds: float) -> None:
        """Kafka goes on answering that there is nothing new."""
        self.clocks.seconds += seconds
        self.consumer.answered_ms = int(self.clocks.time() * 1_000)

    def lag(self) -> tuple[int | None, float]:
        lag = self.worker.lag()
        return lag, round(self.worker.lag_seconds(lag), 3)


@pytest.fixture
async def lagging(hub: MemoryHub, metrics: Metrics, clocks: Time) -> AsyncIterator[Lagging]:
    lagging = Lagging(hub, metrics, clocks)
    async with asyncio.TaskGroup() as tasks:
        lagging.worker.start(tasks)
        await lagging.asks(1)
        yield lagging
        lagging.pipeline.gate.set()
        await lagging.worker.stop(0)


async def test_who_has_taken_in_everything_is_not_behind_however_long_ago_that_was(lagging: Lagging) -> None:
    lagging.goes_on(3_600)
    assert lagging.lag() == (0, 0)


async def test_a_batch_that_waits_for_redis_is_as_old_as_its_oldest_record(lagging: Lagging) -> None:
    lagging.consumer._end = 43
    lagging.clocks.seconds += 10
    await lagging.fetches(raw(41, NOON_MS + 4_000), raw(42, NOON_MS + 9_000))
    assert lagging.lag() == (2, 6)
    lagging.clocks.seconds += 60
    assert lagging.lag() == (2, 66)
    lagging.pipeline.gate.set()
    await lagging.asks(2)
    assert lagging.lag() == (0, 0)


async def test_in_a_backlog_the_next_record_is_as_old_as_the_last_that_was_published(lagging: Lagging) -> None:
    lagging.consumer._end = 100
    lagging.pipeline.gate.set()
    lagging.clocks.seconds += 600
    lagging.consumer.queue.put_nowait([raw(41, NOON_MS + 1_000)])
    await lagging.asks(2)
    assert lagging.lag() == (58, 599)


async def test_what_came_to_an_idle_partition_is_as_old_as_it_has_been_known(lagging: Lagging) -> None:
    lagging.pipeline.gate.set()
    lagging.consumer._end = 42
    lagging.consumer.queue.put_nowait([raw(41)])
    await lagging.asks(2)
    await lagging.fetches()
    await lagging.asks(3)
    lagging.goes_on(3_600)
    assert lagging.lag() == (0, 0)
    lagging.consumer._end = 50
    lagging.worker.is_at_end = True
    lagging.consumer.last_stable_offset = lambda _: 42  # type: ignore[method-assign]  # a transaction is open
    assert lagging.lag() == (8, 0)
    lagging.goes_on(5)
    assert lagging.lag() == (8, 5)


async def test_that_nothing_came_is_no_end_as_long_as_kafka_has_not_answered(lagging: Lagging) -> None:
    lagging.consumer._end = 1_000
    lagging.pipeline.gate.set()
    lagging.consumer.queue.put_nowait([raw(41)])
    await lagging.asks(2)
    lagging.consumer.is_silent = True
    for asked in (3, 4):
        await lagging.fetches()
        await lagging.asks(asked)
    lagging.clocks.seconds += 100
    assert lagging.lag() == (958, 100)


async def test_while_kafka_is_silent_anything_may_have_come_to_it(lagging: Lagging) -> None:
    await lagging.fetches()
    await lagging.asks(2)
    lagging.consumer.is_silent = True
    lagging.goes_on(0)
    lagging.clocks.seconds += SETTINGS.fetch_wait_seconds
    assert lagging.lag() == (0, 0)  # it may still hold the fetch open
    lagging.clocks.seconds += 100
    await lagging.fetches()
    await lagging.asks(3)
    assert lagging.lag() == (0, 100.5)


async def test_what_is_replayed_is_as_old_as_it_has_been_here(lagging: Lagging) -> None:
    lagging.consumer._end = 100
    replayed = (("dead-letter-attempts", b"1"),)
    lagging.goes_on(86_400)
    await lagging.fetches(raw(41, NOON_MS, replayed))
    assert lagging.lag() == (59, 0)
    lagging.clocks.seconds += 7
    assert lagging.lag() == (59, 7)
    lagging.pipeline.gate.set()
    await lagging.asks(2)
    assert lagging.lag() == (58, 0)
    lagging.pipeline.gate.clear()
    await lagging.fetches(raw(42, NOON_MS, replayed), raw(43, NOON_MS + 86_400_000), raw(44, NOON_MS, replayed))
    assert lagging.lag() == (58, 7)


async def test_a_record_from_the_future_is_not_younger_than_nothing(lagging: Lagging) -> None:
    await lagging.fetches(raw(41, NOON_MS + 3_600_000))
    assert lagging.lag()[1] == 0


async def test_a_partition_that_was_taken_away_is_not_asked_about(lagging: Lagging) -> None:
    lagging.consumer.has_partition = False
    assert lagging.lag() == (None, 0)


@pytest.mark.usefixtures("looks_at_once")
async def test_a_partition_whose_place_is_not_known_is_behind_for_as_long(
    hub: MemoryHub, metrics: Metrics, clocks: Time
) -> None:
    hub.positions["order.created", 3] = 41
    fakes: Any = (FakeConsumer(end=41), FakePipeline())
    worker = PartitionWorker(PARTITION, *fakes, MemoryBroker(hub, "pod"), a_breaker(), metrics, SETTINGS)
    async with asyncio.TaskGroup() as tasks:
        worker.start(tasks)
        await eventually(lambda: worker.is_held, 5, "it is held")
        clocks.seconds += 90
        assert (worker.lag(), worker.lag_seconds(None)) == (None, 90)
        await worker.stop(0)
