"""One partition's way: find the position, fetch, handle, go on."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from realtime.broker.base import NO_POSITION, Broker
from realtime.errors import DependencyError
from realtime.intake.pipeline import Pipeline
from realtime.intake.record import Partition, Record
from realtime.resilience.breaker import Breaker
from realtime.resilience.retry import until_available
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

FETCH_TIMEOUT_MS = 1_000


class PartitionWorker:
    """Takes in one assigned partition, strictly in order.

    It asks for the next records only when the broker has answered for the last ones, so Kafka is held back by whatever
    is slow behind it, and no more than one fetch of a partition waits in memory.
    """

    def __init__(
        self,
        partition: Partition,
        consumer: AIOKafkaConsumer,
        pipeline: Pipeline,
        broker: Broker,
        redis: Breaker,
        metrics: Metrics,
        batch_max_records: int,
    ) -> None:
        self.partition = partition
        self.published_offset = NO_POSITION  # what may be committed to Kafka
        self._topic_partition = TopicPartition(partition.topic, partition.number)
        self._consumer = consumer
        self._pipeline = pipeline
        self._broker = broker
        self._redis = redis
        self._metrics = metrics
        self._batch_max_records = batch_max_records
        self._handling_since: float | None = None
        self._is_fetching = False
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
        if self._is_fetching:
            self._task.cancel()
        await asyncio.wait([self._task], timeout=timeout_seconds)
        if self._task.cancel():
            # The broker may have taken the batch or not; the position tells whoever goes on.
            log.warning("partition_batch_abandoned", partition=str(self.partition))
            await asyncio.wait([self._task])

    def waits_for_seconds(self) -> float:
        """How long the batch that is under way has been waiting for Redis, or for the dead-letter topic."""
        return 0.0 if self._handling_since is None else time.monotonic() - self._handling_since

    async def _run(self) -> None:
        await self._seek_to_position()
        while not self._is_stopping:
            records = await self._fetch()
            if records:
                await self._handle(records)

    async def _seek_to_position(self) -> None:
        key = (self.partition.topic, self.partition.number)
        positions = await until_available(self._redis, lambda: self._broker.positions([key]), self._note_failure)
        self.published_offset = positions[key]
        if self.published_offset != NO_POSITION:
            self._consumer.seek(self._topic_partition, self.published_offset + 1)
            await self._warn_if_recreated()
        # Without a position Kafka's committed offset counts, and without that the setting `start_at`.
        log.info("partition_assigned", partition=str(self.partition), position=self.published_offset)

    async def _warn_if_recreated(self) -> None:
        """A position beyond the partition's end: the topic was made anew, and its offsets mean other records."""
        try:
            ends = await self._consumer.end_offsets([self._topic_partition])
        except KafkaError as error:
            log.warning("end_offset_unknown", partition=str(self.partition), error=repr(error))
            return
        end = ends[self._topic_partition]
        if self.published_offset >= end:
            log.error(
                "position_beyond_end",
                partition=str(self.partition),
                position=self.published_offset,
                end_offset=end,
                help="The topic was made anew or cut; delete its position key in Redis to take it in from the start.",
            )

    async def _fetch(self) -> list[Record]:
        self._is_fetching = True
        try:
            fetched = await self._consumer.getmany(
                self._topic_partition, timeout_ms=FETCH_TIMEOUT_MS, max_records=self._batch_max_records
            )
        except KafkaError as error:
            log.warning("fetch_failed", partition=str(self.partition), error=repr(error))
            await asyncio.sleep(FETCH_TIMEOUT_MS / 1_000)
            return []
        finally:
            self._is_fetching = False
        return [self._read(raw) for raw in fetched.get(self._topic_partition, ())]

    def _read(self, raw: ConsumerRecord) -> Record:
        # Before Kafka 0.10 records had no time; -1 would count as a lateness of decades.
        timestamp_ms = raw.timestamp if raw.timestamp > 0 else time.time_ns() // 1_000_000
        # Kafka's headers may have no value at all.
        headers = {name: value or b"" for name, value in raw.headers}
        return Record(self.partition, raw.offset, timestamp_ms, raw.key, raw.value, headers)

    async def _handle(self, records: list[Record]) -> None:
        self._handling_since = time.monotonic()
        outcome = await self._pipeline.handle(self.partition, self.published_offset, records)
        self._handling_since = None
        if outcome.behind:
            await self._rewind(outcome.position)
            return
        if outcome.skipped_records:
            log.info("records_skipped", partition=str(self.partition), records=outcome.skipped_records)
        self.published_offset = outcome.position

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
