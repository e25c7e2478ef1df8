"""The pod's member of the consumer group: a worker for each assigned partition, and the commits."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable

import structlog
from aiokafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from prometheus_client import Gauge

from realtime.broker.base import NO_POSITION, Broker
from realtime.errors import DependencyError, KafkaUnavailable
from realtime.intake.connection import stop_client
from realtime.intake.partitioned import PartitionedConsumer
from realtime.intake.pipeline import Pipeline
from realtime.intake.record import Partition
from realtime.intake.watchdog import GivenUp, Watchdog
from realtime.intake.worker import PartitionWorker
from realtime.resilience.breaker import Breakers, State
from realtime.resilience.retry import until_available
from realtime.settings import KafkaSettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# A batch takes milliseconds; what is not done after this long hangs on a dependency.
FINISH_BATCH_SECONDS = 5.0
# aiokafka's stop() can wait for brokers that are down.
STOP_CONSUMER_SECONDS = 5.0
# aiokafka asks again and again while Kafka is away; the position in Redis is what counts.
COMMIT_TIMEOUT_SECONDS = 2.0
# A batch that is under way longer than this waits for Redis or for the dead-letter topic.
WAITING_AFTER_SECONDS = 1.0
# Who has nothing new to commit does it again now and then: it is how to see whether the group still knows this member.
COMMIT_AGAIN_SECONDS = 20.0
# Trouble is told once it has lasted so long: a rebalance takes a moment.
TELL_AFTER_SECONDS = 10.0
# aiokafka answers at once, except in a rebalance.
LOOK_SECONDS = 0.5
# Nothing is ever fetched of it; to ask for it is how a consumer tells its errors.
NO_PARTITION = TopicPartition("none", 0)


class GroupConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Takes in the partitions that the group gives to this pod.

    Records are published before they are committed, and the position in Redis, not the commit, says where to go on; so
    a commit that fails costs nothing, and a pod that is killed at any instant is continued by another without loss or
    repetition.
    """

    def __init__(
        self,
        make_consumer: Callable[[], PartitionedConsumer],
        pipeline: Pipeline,
        broker: Broker,
        breakers: Breakers,
        settings: KafkaSettings,
        metrics: Metrics,
    ) -> None:
        self._make_consumer = make_consumer
        self._pipeline = pipeline
        self._broker = broker
        self._breakers = breakers
        self._settings = settings
        self._metrics = metrics
        start_at_zero(metrics.consumer_restarts, GivenUp)
        self._consumer: PartitionedConsumer | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._workers: dict[Partition, PartitionWorker] = {}
        self._committed: dict[Partition, int] = {}
        self._committed_at = time.monotonic()
        self._watchdog = Watchdog(settings)
        # For its share of the partitions, whatever the watchdog has done about it meanwhile.
        self._waits_since: float | None = time.monotonic()
        self._is_stopping = False
        self._takes_partitions = False  # not between two consumers, nor of one that is being given up
        self.has_joined = False  # once: the group has given this pod its share, be it empty

    @property
    def assigned_partitions(self) -> int:
        """Partitions that this pod takes in now."""
        return len(self._workers)

    @property
    def trouble(self) -> str | None:
        """What is the matter, for people; None while nothing is."""
        if (unassigned_seconds := self._watchdog.unassigned_seconds()) > TELL_AFTER_SECONDS:
            return f"without an assignment for {unassigned_seconds:.0f} s"
        if (waits_for_seconds := self._longest_wait_seconds()) > TELL_AFTER_SECONDS:
            return f"a batch has been waiting for {waits_for_seconds:.0f} s to be published"
        if (unanswered_seconds := self._unanswered_seconds()) > TELL_AFTER_SECONDS:
            return f"Kafka has not answered for {unanswered_seconds:.0f} s"
        if (uncommitted_seconds := self._watchdog.uncommitted_seconds()) > TELL_AFTER_SECONDS:
            return f"Kafka has taken no commit for {uncommitted_seconds:.0f} s"
        if held := sorted(str(partition) for partition, worker in self._workers.items() if worker.is_held):
            return f"made anew or cut, and held until its position in Redis is deleted: {', '.join(held)}"
        return None

    async def run(self) -> None:
        """Take in records until cancelled. Waits for Kafka and Redis for as long as they are away."""
        while True:
            # Nobody takes partitions that it could publish nothing of; others may have a way to Redis.
            await until_available(self._breakers.redis, self._find_redis, self._note_failure)
            self._consumer = await until_available(self._breakers.kafka, self._connect, self._note_failure)
            async with asyncio.TaskGroup() as self._tasks:
                reason = await self._take_in(self._consumer)
            self._consumer = None
            self._waits_since = self._waits_since or time.monotonic()
            log.error("consumer_given_up", reason=reason, help="It is made anew.")
            self._metrics.consumer_restarts.labels(reason).inc()

    async def _take_in(self, consumer: PartitionedConsumer) -> GivenUp:
        self._watchdog.begin()
        self._takes_partitions = True
        topics = list(self._settings.topics.by_event().values())
        consumer.subscribe(topics=topics, listener=self)
        while True:
            await asyncio.sleep(self._settings.commit_interval_seconds)
            consumer.look_for(topics)
            await self._commit(self._workers.values())
            reason = await self._look_after(consumer)
            if reason is not None:
                self._takes_partitions = False
                await self._let_go(list(self._workers), 0 if reason is GivenUp.HELD_UP else FINISH_BATCH_SECONDS)
                await stop_client(consumer, STOP_CONSUMER_SECONDS)
                return reason

    async def _look_after(self, consumer: PartitionedConsumer) -> GivenUp | None:
        """Ask the consumer for its errors, and tell it that it is in use: else it leaves the group after five minutes
        in which nothing was fetched, because there is no partition for it or because Redis is away.
        """  # noqa: D205 - one sentence
        if self._is_stopping:
            return None
        try:
            # A rebalance, which it waits for; or this pod leaves at this moment.
            with contextlib.suppress(TimeoutError, ConsumerStoppedError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await consumer.getmany(NO_PARTITION, timeout_ms=0)
        except KafkaError as error:
            # Forbidden, perhaps, or a coordinator that is moving; having been told, the consumer tries again.
            log.warning("consumer_failed", error=repr(error))
            self._watchdog.failed()
        else:
            self._watchdog.works()
        # What waits for the dead-letter topic would wait at another pod, too, and everybody for the rebalance.
        redis_is_away = self._breakers.redis.state is not State.CLOSED
        held_up_seconds = self._longest_wait_seconds() if redis_is_away else 0.0
        return self._watchdog.verdict(held_up_seconds, self._unanswered_seconds())

    def _longest_wait_seconds(self) -> float:
        return max((worker.waits_for_seconds() for worker in self._workers.values()), default=0.0)

    def _unanswered_seconds(self) -> float:
        return max((worker.unanswered_seconds() for worker in self._workers.values()), default=0.0)

    async def _find_redis(self) -> None:
        await self._broker.positions([(self._settings.topics.order_updated, 0)])

    async def stop(self) -> None:
        """Finish the batches under way, commit, and leave the group. Then cancel `run`, in the same turn of the loop:
        it may be waiting for Kafka or Redis, and would join the group again.
        """  # noqa: D205 - one sentence
        self._is_stopping, self._takes_partitions = True, False
        if self._consumer is None:
            return
        await self._let_go(list(self._workers), FINISH_BATCH_SECONDS)
        # If that fails, the group gives the partitions to others when the session times out.
        await stop_client(self._consumer, STOP_CONSUMER_SECONDS)

    async def _connect(self) -> PartitionedConsumer:
        consumer = self._make_consumer()
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await stop_client(consumer, STOP_CONSUMER_SECONDS)
            raise KafkaUnavailable(f"cannot connect to Kafka: {error!r}") from error
        except asyncio.CancelledError:
            await stop_client(consumer, STOP_CONSUMER_SECONDS)
            raise
        return consumer

    # -- rebalancing, called by aiokafka ----------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group takes partitions away: finish and commit what is under way."""
        log.info("partitions_revoked", partitions=len(revoked))
        await self._let_go([_partition(tp) for tp in revoked], FINISH_BATCH_SECONDS)
        self._watchdog.begin()
        self._waits_since = self._waits_since or time.monotonic()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """The group gives partitions, perhaps none."""
        log.info("partitions_assigned", partitions=len(assigned))
        if not self._takes_partitions:
            return  # aiokafka ends a rebalance that is under way before it stops
        assert self._tasks is not None
        assert self._consumer is not None
        self.has_joined = True
        self._metrics.rebalances.inc()
        self._watchdog.assigned()
        self._waits_since = None
        for partition in map(_partition, assigned):
            worker = PartitionWorker(
                partition,
                self._consumer,
                self._pipeline,
                self._broker,
                self._breakers.redis,
                self._metrics,
                self._settings,
            )
            self._workers[partition] = worker
            worker.start(self._tasks)
        self._metrics.assigned_partitions.set(len(self._workers))

    async def _let_go(self, partitions: Iterable[Partition], finish_seconds: float) -> None:
        workers = [worker for p in partitions if (worker := self._workers.pop(p, None)) is not None]
        if workers:
            await asyncio.gather(*(worker.stop(finish_seconds) for worker in workers))
            await self._commit(workers)
        for worker in workers:
            self._committed.pop(worker.partition, None)
            self._forget_lag(worker.partition)
        self._metrics.assigned_partitions.set(len(self._workers))

    # -- commits and lag --------------------------------------------------------------------------------------------

    async def _commit(self, workers: Iterable[PartitionWorker]) -> None:
        assert self._consumer is not None
        self._note_lag()
        published = {w.partition: w.published_offset for w in workers if w.published_offset != NO_POSITION}
        again = time.monotonic() - self._committed_at > COMMIT_AGAIN_SECONDS
        fresh = {p: offset for p, offset in published.items() if again or self._committed.get(p) != offset}
        if fresh:
            # Kafka's committed offset is the next to read.
            self._watchdog.committing()
            offsets = {TopicPartition(p.topic, p.number): OffsetAndMetadata(at + 1, "") for p, at in fresh.items()}
            try:
                async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                    await self._consumer.commit(offsets)
                self._committed.update(fresh)
                self._committed_at = time.monotonic()
                self._watchdog.committed()
            except (KafkaError, TimeoutError) as error:
                # After a rebalance, or while Kafka is away. The position in Redis is what counts.
                log.info("commit_failed", error=repr(error))
                self._watchdog.commit_failed()

    def refresh_metrics(self) -> None:
        """Tell how far behind this pod is at this moment."""
        self._note_lag()
        self._metrics.commit_age.set(self._watchdog.commit_waits_seconds())
        waits_since = None if self._is_stopping else self._waits_since
        self._metrics.unassigned.set(0 if waits_since is None else time.monotonic() - waits_since)

    def _note_lag(self) -> None:
        waiting = held = 0
        for partition, worker in self._workers.items():
            labels, lag = (partition.topic, str(partition.number)), worker.lag()
            if lag is None:
                self._forget(self._metrics.consumer_lag, partition)
            else:
                self._metrics.consumer_lag.labels(*labels).set(lag)
            self._metrics.consumer_lag_seconds.labels(*labels).set(worker.lag_seconds(lag))
            waiting += worker.is_held or worker.waits_for_seconds() > WAITING_AFTER_SECONDS
            held += worker.is_held
        self._metrics.paused_partitions.set(waiting)
        self._metrics.held_partitions.set(held)

    def _forget_lag(self, partition: Partition) -> None:
        for gauge in (self._metrics.consumer_lag, self._metrics.consumer_lag_seconds):
            self._forget(gauge, partition)

    @staticmethod
    def _forget(gauge: Gauge, partition: Partition) -> None:
        with contextlib.suppress(KeyError):
            gauge.remove(partition.topic, str(partition.number))

    def _note_failure(self, error: DependencyError) -> None:
        log.warning("kafka_unavailable", error=str(error))


def _partition(topic_partition: TopicPartition) -> Partition:
    return Partition(topic_partition.topic, topic_partition.partition)
