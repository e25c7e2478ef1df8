"""One partition's way: find the position, fetch, handle, go on."""

import asyncio
import time

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from realtime.broker.base import NO_POSITION, Broker
from realtime.errors import DependencyError
from realtime.intake.partitioned import PartitionedConsumer
from realtime.intake.pipeline import Pipeline
from realtime.intake.record import Partition, Record
from realtime.resilience.breaker import Breaker
from realtime.resilience.retry import until_available
from realtime.settings import KafkaSettings
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

FETCH_TIMEOUT_SECONDS = 1.0
# How often a partition that is held looks whether its position was deleted.
LOOK_AT_POSITION_SECONDS = 2.0


class PartitionWorker:
    """Takes in one assigned partition, strictly in order.

    It asks for the next records only when the broker has answered for the last ones, so Kafka is held back by whatever
    is slow behind it, and no more than one fetch of a partition waits in memory.
    """

    def __init__(
        self,
        partition: Partition,
        consumer: PartitionedConsumer,
        pipeline: Pipeline,
        broker: Broker,
        redis: Breaker,
        metrics: Metrics,
        settings: KafkaSettings,
    ) -> None:
        self.partition = partition
        self.published_offset = NO_POSITION  # what may be committed to Kafka
        self.is_at_end = False  # when last asked, Kafka had nothing more
        self.is_held = False  # its offsets mean other records than its position was made for
        self._topic_partition = TopicPartition(partition.topic, partition.number)
        self._consumer = consumer
        self._pipeline = pipeline
        self._broker = broker
        self._redis = redis
        self._metrics = metrics
        self._settings = settings
        self._handling_since: float | None = None
        # Of what is not replayed: the time of the first record that is under way, and of the last one of a batch that
        # others were right behind.
        self._handling_from_ms: int | None = None
        self._published_up_to_ms: int | None = None
        self._placeless_since: float | None = time.monotonic()  # its place is not known
        self._behind_since: float | None = None  # Kafka has more, whose time is not known
        self._asking_since: float | None = None
        self._answered_before_ms: int | None = None  # when Kafka had last answered as the asking began
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin, as one of `tasks`."""
        self._task = tasks.create_task(self._run(), name=f"intake {self.partition}")

    async def stop(self, timeout_seconds: float) -> None:
        """Finish the batch that is under way, if it ends in time, and take in no more."""
        self._is_stopping = True
        if self._task is None:
            return
        if self._handling_since is None:
            self._task.cancel()
        await asyncio.wait([self._task], timeout=timeout_seconds)
        if self._task.cancel():
            # The broker may have taken the batch or not; the position tells whoever goes on.
            log.warning("partition_batch_abandoned", partition=str(self.partition))
            await asyncio.wait([self._task])

    def waits_for_seconds(self) -> float:
        """How long the batch that is under way has been waiting for Redis, or for the dead-letter topic."""
        return 0.0 if self._handling_since is None else time.monotonic() - self._handling_since

    def lag(self) -> int | None:
        """Records behind the partition's end, if that is known."""
        if self.published_offset == NO_POSITION or self._topic_partition not in self._consumer.assignment():
            return None
        end = self._consumer.highwater(self._topic_partition)
        if end is None:
            return None
        if self.is_at_end and self._consumer.last_stable_offset(self._topic_partition) == end:
            return 0  # what stands between is ends of transactions, not records
        return int(max(0, end - 1 - self.published_offset))

    def lag_seconds(self, lag: int | None) -> float:
        """Age of the oldest record that is not published; as far as is known, when it has not been fetched yet.

        While Kafka does not answer, anything may have come to it since; so that is the least.
        """
        unanswered_seconds = self.unanswered_seconds()
        is_silent = unanswered_seconds > 2 * self._settings.fetch_wait_seconds
        return max(self._known_lag_seconds(lag), unanswered_seconds if is_silent else 0.0)

    def _known_lag_seconds(self, lag: int | None) -> float:
        now = time.monotonic()
        if self._placeless_since is not None:
            return now - self._placeless_since
        if self._handling_since is not None:
            # What is replayed is old by itself, and waits only since it is here.
            from_ms = self._handling_from_ms
            return now - self._handling_since if from_ms is None else self._age_seconds(from_ms)
        if not lag:
            self._behind_since = None
            return 0.0
        self._behind_since = self._behind_since or now
        if self._published_up_to_ms is not None and not self.is_at_end:
            return self._age_seconds(self._published_up_to_ms)  # in a backlog the next is hardly younger
        return now - self._behind_since

    @staticmethod
    def _age_seconds(timestamp_ms: int) -> float:
        return max(0.0, time.time() - timestamp_ms / 1_000)

    def unanswered_seconds(self) -> float:
        """How long Kafka has not answered a fetch of this partition, be it that there is nothing new."""
        if self._asking_since is None or self.is_held:
            return 0.0
        asking_seconds = time.monotonic() - self._asking_since
        if self._topic_partition not in self._consumer.assignment():
            return asking_seconds
        answered_ms = self._answered_ms()
        return asking_seconds if answered_ms is None else min(asking_seconds, time.time() - answered_ms / 1_000)

    def _answered_ms(self) -> int | None:
        """When Kafka last answered a fetch of this partition, be it that there is nothing new."""
        if self._topic_partition not in self._consumer.assignment():
            return None
        answered_ms: int | None = self._consumer.last_poll_timestamp(self._topic_partition)
        return answered_ms

    async def _run(self) -> None:
        await self._seek_to_position(NO_POSITION)
        while not self._is_stopping:
            records = await self._fetch()
            # That nothing has come is no answer.
            self.is_at_end = not records and self._answered_ms() != self._answered_before_ms
            if records:
                self._asking_since = None
                await self._handle(records)
                self._asking_since, self._answered_before_ms = time.monotonic(), self._answered_ms()

    async def _seek_to_position(self, refused_position: int) -> None:
        """Go on behind the position in Redis; without one, Kafka's committed offset counts.

        A position that lies beyond the partition's end, and the refused one, was made for other records: the topic was
        made anew, or cut. The partition is held until an operator deletes it; new records would pass for old ones.
        """
        key = (self.partition.topic, self.partition.number)
        self._asking_since = None
        self._placeless_since = self._placeless_since or time.monotonic()
        while True:
            positions = await until_available(self._redis, lambda: self._broker.positions([key]), self._note_failure)
            position = positions[key]
            self._asking_since = self._asking_since or time.monotonic()
            try:
                if position == NO_POSITION:
                    if self.is_held:
                        await self._consumer.seek_to_beginning(self._topic_partition)
                    break
                if position != refused_position:
                    ends = await self._consumer.end_offsets([self._topic_partition])
                    if position < ends[self._topic_partition]:
                        self._consumer.seek(self._topic_partition, position + 1)
                        break
                    refused_position = position
                self._hold(position)
            except KafkaError as error:
                log.warning("place_not_found", partition=str(self.partition), error=repr(error))
            await asyncio.sleep(LOOK_AT_POSITION_SECONDS)
        self.is_held = False
        self._placeless_since = None
        self._answered_before_ms = self._answered_ms()
        self.published_offset = position
        log.info("partition_assigned", partition=str(self.partition), position=position)

    def _hold(self, position: int) -> None:
        if not self.is_held:
            log.error(
                "position_beyond_end",
                partition=str(self.partition),
                position=position,
                help="The topic was made anew or cut. Nothing is taken in of this partition until its position key in"
                " Redis is deleted; then all is, from its beginning.",
            )
        self.is_held = True
        self.published_offset = NO_POSITION  # nothing of this may be committed

    async def _fetch(self) -> list[Record]:
        try:
            taken = await self._consumer.take(
                self._topic_partition, FETCH_TIMEOUT_SECONDS, self._settings.batch_max_records
            )
            return [self._read(raw) for raw in taken]
        except NoOffsetForPartitionError:
            await self._start()
        except OffsetOutOfRangeError:
            await self._find_place()
        except (KafkaError, ConsumerStoppedError) as error:
            log.warning("fetch_failed", partition=str(self.partition), error=repr(error))
            await asyncio.sleep(FETCH_TIMEOUT_SECONDS)
        return []

    async def _start(self) -> None:
        """Neither Redis nor Kafka knows where to go on."""
        log.info("partition_started", partition=str(self.partition), start_at=self._settings.start_at)
        await self._seek_to_end_or_beginning(to_end=self._settings.start_at == "latest")

    async def _find_place(self) -> None:
        """Kafka does not have the place to go on at."""
        try:
            begin = (await self._consumer.beginning_offsets([self._topic_partition]))[self._topic_partition]
        except KafkaError as error:
            log.warning("place_not_found", partition=str(self.partition), error=repr(error))
            return
        if self.published_offset == NO_POSITION or self.published_offset < begin:
            # Kafka has deleted what nobody had taken in; or a committed offset is of a topic that was made anew.
            log.error("place_gone", partition=str(self.partition), published=self.published_offset, goes_on_at=begin)
            await self._seek_to_end_or_beginning(to_end=False)
        else:
            await self._seek_to_position(self.published_offset)

    async def _seek_to_end_or_beginning(self, *, to_end: bool) -> None:
        seek = self._consumer.seek_to_end if to_end else self._consumer.seek_to_beginning
        try:
            await seek(self._topic_partition)
        except KafkaError as error:
            log.warning("place_not_found", partition=str(self.partition), error=repr(error))

    def _read(self, raw: ConsumerRecord) -> Record:
        # Before Kafka 0.10 records had no time; -1 would count as a lateness of decades.
        timestamp_ms = raw.timestamp if raw.timestamp > 0 else time.time_ns() // 1_000_000
        # Kafka's headers may have no value at all.
        headers = {name: value or b"" for name, value in raw.headers}
        return Record(self.partition, raw.offset, timestamp_ms, raw.key, raw.value, headers)

    async def _handle(self, records: list[Record]) -> None:
        times_ms = [record.timestamp_ms for record in records if not record.is_replayed]
        self._handling_from_ms, self._handling_since = times_ms[0] if times_ms else None, time.monotonic()
        outcome = await self._pipeline.handle(self.partition, self.published_offset, records)
        self._handling_since = None
        if outcome.behind:
            await self._rewind(outcome.position)
            return
        if outcome.skipped_records:
            log.info("records_skipped", partition=str(self.partition), records=outcome.skipped_records)
        self.published_offset = outcome.position
        self._published_up_to_ms, self._behind_since = times_ms[-1] if times_ms else None, None

    async def _rewind(self, position: int) -> None:
        """Redis has lost what was published last (see `broker.base`): publish it again."""
        log.warning("rewinding", partition=str(self.partition), published=self.published_offset, position=position)
        self._metrics.rewinds.inc()
        try:
            if position != NO_POSITION:
                self._consumer.seek(self._topic_partition, position + 1)
            else:
                # Redis has lost everything. What was committed had been published; the rest is published again.
                committed = await self._consumer.seek_to_committed(self._topic_partition)
                if committed.get(self._topic_partition) is None:
                    await self._consumer.seek_to_beginning(self._topic_partition)
        except KafkaError as error:
            # Kafka is away, or the partition is being revoked; the next batch finds Redis behind again.
            log.warning("rewind_failed", partition=str(self.partition), error=repr(error))
            return
        self.published_offset = position

    def _note_failure(self, error: DependencyError) -> None:
        log.warning("partition_waits", partition=str(self.partition), error=str(error))
