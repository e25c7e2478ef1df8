"""The group's member: what it commits, and that a commit that fails costs nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from parts.waiting import eventually
from realtime.broker.base import Outcome
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.clock import SystemClock
from realtime.errors import RedisUnavailable
from realtime.intake import consumer as consumer_module
from realtime.intake.consumer import GroupConsumer
from realtime.intake.record import Partition, Record
from realtime.intake.watchdog import Watchdog
from realtime.resilience.breaker import make_breakers
from realtime.settings import BreakerSettings, KafkaSettings
from realtime.telemetry.metrics import Metrics
from unit.counts import count
from unit.fakes import NOON_MS

KEY = TopicPartition("order.updated", 0)
PARTITION = Partition("order.updated", 0)
SETTINGS = KafkaSettings(commit_interval_seconds=0.005)


class FakeGroupMember:
    """A consumer with one partition, whose records and commits the test decides on."""

    def __init__(self) -> None:
        self.listener: ConsumerRebalanceListener = None
        self.looked_for: list[str] = []
        self.records: asyncio.Queue[list[int]] = asyncio.Queue()
        self.commits: list[int] = []
        self.commit_error: Exception | None = None
        self.look_error: KafkaError | None = None
        self.end = 1_000
        self.stable = 1_000
        self.is_stopped = False
        self.is_in_rebalance = False
        self.is_assigned = True
        self.looks = 0  # one after each time that commits were due

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.is_stopped = True
        if self.is_in_rebalance:
            await self.listener.on_partitions_assigned([KEY])  # as aiokafka does, before it leaves the group

    def subscribe(self, topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        self.listener = listener

    def look_for(self, topics: Sequence[str]) -> None:
        self.looked_for = list(topics)

    async def getmany(self, partition: TopicPartition, timeout_ms: int) -> dict[Any, list[Any]]:
        if self.is_stopped:
            raise ConsumerStoppedError
        self.looks += 1
        if self.look_error is not None:
            raise self.look_error
        return {}

    async def take(self, partition: TopicPartition, timeout_seconds: float, max_records: int) -> list[Any]:
        if self.is_stopped:
            raise ConsumerStoppedError
        try:
            async with asyncio.timeout(0.005):
                offsets = await self.records.get()
        except TimeoutError:
            return []
        return [ConsumerRecord(*KEY, at, NOON_MS, 0, b"k", b"{}", None, 1, 2, ()) for at in offsets]

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self.commit_error is not None:
            raise self.commit_error
        self.commits.append(offsets[KEY].offset)

    def highwater(self, partition: TopicPartition) -> int:
        return self.end

    def last_stable_offset(self, partition: TopicPartition) -> int:
        return self.stable

    def last_poll_timestamp(self, partition: TopicPartition) -> int:
        return time.time_ns() // 1_000_000

    def assignment(self) -> set[TopicPartition]:
        return {KEY} if self.is_assigned else set()


class GatedPipeline:
    """Publishes a batch when it is let through."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[int] = []

    async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
        self.begun += [record.offset for record in records]
        await self.gate.wait()
        return Outcome(records[-1].offset)


class House:
    """A group consumer over such a member."""

    def __init__(self, hub: MemoryHub, metrics: Metrics) -> None:
        self.members: list[FakeGroupMember] = []
        self.pipeline = GatedPipeline()
        self.breakers = make_breakers(BreakerSettings(failures=1, open_seconds=60), SystemClock(), metrics)
        fakes: Any = (self._make, self.pipeline)
        self.consumer = GroupConsumer(*fakes, MemoryBroker(hub, "pod"), self.breakers, SETTINGS, metrics)

    def _make(self) -> FakeGroupMember:
        self.members.append(FakeGroupMember())
        return self.members[-1]

    @property
    def member(self) -> FakeGroupMember:
        return self.members[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.consumer.run())
        try:
            await eventually(lambda: self.members and self.member.listener, 5, "it has subscribed")
            await self.consumer.on_partitions_assigned([KEY])
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def commits(self, *offsets: int) -> None:
        await eventually(lambda: self.member.commits == list(offsets), 5, f"{offsets} are committed")


@pytest.fixture
def house(hub: MemoryHub, metrics: Metrics) -> House:
    return House(hub, metrics)


async def test_what_is_committed_is_the_next_behind_what_was_published_gaps_or_not(house: House) -> None:
    async with house.running():
        house.member.records.put_nowait([0, 1])
        await house.commits(2)
        house.member.records.put_nowait([17, 40])
        await house.commits(2, 41)


async def test_topics_of_which_nothing_is_known_are_looked_for(house: House) -> None:
    async with house.running():
        topics = set(SETTINGS.topics.by_event().values())
        await eventually(lambda: set(house.member.looked_for) == topics, 5, "it looks for all of them")


async def test_a_batch_that_is_under_way_is_not_committed(house: House) -> None:
    async with house.running():
        house.member.records.put_nowait([0])
        await house.commits(1)
        house.pipeline.gate.clear()
        house.member.records.put_nowait([1, 2])
        await eventually(lambda: 2 in house.pipeline.begun, 5, "the second batch is under way")
        looks = house.member.looks
        await eventually(lambda: house.member.looks > looks + 3, 5, "commits were due several times")
        assert house.member.commits == [1]
        house.pipeline.gate.set()
        await house.commits(1, 3)


async def test_who_loses_a_partition_in_mid_batch_finishes_and_commits_it(house: House) -> None:
    async with house.running():
        house.pipeline.gate.clear()
        house.member.records.put_nowait([0, 1])
        await eventually(lambda: house.pipeline.begun, 5, "a batch is under way")
        revoking = asyncio.create_task(house.consumer.on_partitions_revoked([KEY]))
        house.pipeline.gate.set()
        await revoking
        assert house.member.commits == [2]
        assert house.consumer.assigned_partitions == 0


async def test_a_batch_that_cannot_be_finished_when_its_partition_is_lost_is_not_committed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "FINISH_BATCH_SECONDS", 0.01)
    async with house.running():
        house.member.records.put_nowait([0])
        await house.commits(1)
        house.pipeline.gate.clear()
        house.member.records.put_nowait([1])
        await eventually(lambda: 1 in house.pipeline.begun, 5, "a batch is under way")
        await house.consumer.on_partitions_revoked([KEY])
        assert house.member.commits == [1]


@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError("not assigned"), TimeoutError()])
async def test_a_commit_that_fails_is_made_up_for_by_the_next(
    house: House, error: Exception, logs: list[MutableMapping[str, Any]]
) -> None:
    async with house.running():
        house.member.commit_error = error
        house.member.records.put_nowait([0])
        await eventually(lambda: [e for e in logs if e["event"] == "commit_failed"], 5, "a commit has failed")
        house.member.commit_error = None
        await house.commits(1)


async def test_who_has_nothing_new_commits_again_now_and_then(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "COMMIT_AGAIN_SECONDS", 0.01)
    async with house.running():
        house.member.records.put_nowait([0])
        await eventually(lambda: house.member.commits[:3] == [1, 1, 1], 5, "the same is committed again")


async def test_a_consumer_that_tells_nothing_but_errors_is_made_anew(house: House, metrics: Metrics) -> None:
    async with house.running():
        first = house.member
        first.look_error = KafkaError()
        await eventually(lambda: len(house.members) == 2 and house.member.listener, 5, "another one has subscribed")
        assert first.is_stopped
        assert count(metrics.consumer_restarts, reason="failed") == 1


async def test_what_the_group_still_gives_to_a_consumer_that_is_given_up_is_left_to_others(house: House) -> None:
    async with house.running():
        house.member.is_in_rebalance = True
        house.member.look_error = KafkaError()
        await eventually(lambda: len(house.members) == 2 and house.member.listener, 5, "another one has subscribed")
        assert house.consumer.assigned_partitions == 0
        await house.consumer.on_partitions_assigned([KEY])
        house.member.records.put_nowait([0])
        await house.commits(1)


async def test_a_batch_that_waits_while_redis_is_there_is_held_and_given_up_once_redis_is_away(
    house: House, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RedisUnavailable("connection refused")

    monkeypatch.setattr(house.consumer, "_watchdog", Watchdog(KafkaSettings(release_after_seconds=0.001)))
    async with house.running():
        house.pipeline.gate.clear()
        house.member.records.put_nowait([0])  # say that there is no dead-letter topic
        await eventually(lambda: house.pipeline.begun, 5, "a batch is under way")
        looks = house.member.looks
        await eventually(lambda: house.member.looks > looks + 3, 5, "it has been looked after several times")
        assert count(metrics.consumer_restarts, reason="held_up") == 0
        assert not house.member.is_stopped
        with pytest.raises(RedisUnavailable):
            await house.breakers.redis.call(fail)
        await eventually(lambda: house.member.is_stopped, 5, "others may have its partitions")


async def test_ends_of_transactions_are_no_lag_and_an_open_one_is(house: House, metrics: Metrics) -> None:
    def lag() -> float:
        return count(metrics.consumer_lag, topic="order.updated", partition="0")

    async with house.running():
        house.member.records.put_nowait([0])
        house.member.end, house.member.stable = 2, 1
        await eventually(lambda: lag() == 1, 5, "what is not taken in yet is lag")
        house.member.stable = 2
        await eventually(lambda: lag() == 0, 5, "there is nothing more")


async def test_what_waits_to_be_committed_has_an_age_until_the_group_takes_it(house: House, metrics: Metrics) -> None:
    def age() -> float:
        house.consumer.refresh_metrics()
        return count(metrics.commit_age)

    async with house.running():
        assert age() == 0
        house.member.commit_error = CommitFailedError()
        house.member.records.put_nowait([0])
        await eventually(lambda: age() > 0.05, 5, "it grows")
        house.member.commit_error = None
        await house.commits(1)
        await eventually(lambda: age() == 0, 5, "nothing waits")


async def test_a_share_that_is_taken_away_is_waited_for_and_each_share_is_counted(
    house: House, metrics: Metrics
) -> None:
    def waits() -> float:
        house.consumer.refresh_metrics()
        return count(metrics.unassigned)

    await eventually(lambda: waits() > 0.02, 5, "it waits from the beginning")
    async with house.running():
        assert (waits(), count(metrics.rebalances)) == (0, 1)
        await house.consumer.on_partitions_revoked([KEY])
        await eventually(lambda: waits() > 0.02, 5, "it waits")
        await house.consumer.on_partitions_assigned([])
        assert (waits(), count(metrics.rebalances)) == (0, 2)


async def test_a_consumer_that_is_given_up_leaves_its_pod_without_a_share(house: House, metrics: Metrics) -> None:
    async with house.running():
        house.member.look_error = KafkaError()
        await eventually(lambda: len(house.members) == 2 and house.member.listener, 5, "another one has subscribed")
        house.consumer.refresh_metrics()
        assert count(metrics.unassigned) > 0


async def test_who_leaves_does_not_wait_for_a_share(house: House, metrics: Metrics) -> None:
    async with house.running():
        await house.consumer.stop()
        await house.consumer.on_partitions_revoked([KEY])
        house.consumer.refresh_metrics()
        assert count(metrics.unassigned) == 0


async def test_the_lag_of_a_partition_is_told_in_seconds_too_and_only_while_it_is_here(
    house: House, metrics: Metrics
) -> None:
    async with house.running():
        house.pipeline.gate.clear()
        house.member.records.put_nowait([0])
        await eventually(lambda: house.pipeline.begun, 5, "a batch is under way")
        house.consumer.refresh_metrics()
        assert count(metrics.consumer_lag_seconds, topic="order.updated", partition="0") > 0  # since `NOON_MS`
        assert count(metrics.held_partitions) == 0
        house.pipeline.gate.set()
        await house.consumer.on_partitions_revoked([KEY])
        (family,) = metrics.consumer_lag_seconds.collect()
        assert family.samples == []


async def test_a_partition_whose_place_is_lost_has_no_lag_in_records(house: House, metrics: Metrics) -> None:
    async with house.running():
        house.member.stable = 999  # a transaction is open
        house.member.records.put_nowait([0])
        await eventually(lambda: house.member.commits, 5, "it is committed")
        house.consumer.refresh_metrics()
        assert count(metrics.consumer_lag, topic="order.updated", partition="0") == 999
        house.member.is_assigned = False
        house.consumer.refresh_metrics()
        (family,) = metrics.consumer_lag.collect()
        assert family.samples == []
        house.member.is_assigned = True
