"""A consumer of which each partition is waited for by itself, and that soon knows which there are."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

# A topic of which nothing is known is looked for after this time, then after twice as long each time.
FIRST_LOOK_SECONDS: Final = 1.0
MOST_DOUBLINGS: Final = 6


class PartitionedConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Wakes who waits for a partition when something of this one has come.

    `getmany` of aiokafka wakes everybody who waits for any partition, at each answer of Kafka's: what a lone record
    costs a pod would grow with the partitions that it has. The means to wait for all of them once are private; a
    fingerprint of each is in `tests/unit/intake/test_partitioned.py`.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        super().__init__(*topics, **options)
        self._come: asyncio.Future[None] | None = None
        self._waiting: dict[TopicPartition, asyncio.Future[None]] = {}
        self._looks = 0
        self._look_at = time.monotonic() + FIRST_LOOK_SECONDS

    def look_for(self, topics: Iterable[str]) -> None:
        """Ask Kafka again about topics of which it has told no partition; call it now and then. It waits for nothing.

        Brokers that have just come back may know none yet. aiokafka would ask again when what it knows has grown old,
        and until then the group has nothing to give to anybody.
        """
        if all(map(self.partitions_for_topic, topics)):
            self._looks = 0
        elif time.monotonic() >= self._look_at:
            self._client.force_metadata_update()  # what has changed, the group is told
            self._look_at = time.monotonic() + FIRST_LOOK_SECONDS * 2 ** min(self._looks, MOST_DOUBLINGS)
            self._looks += 1

    async def take(
        self, partition: TopicPartition, timeout_seconds: float, max_records: int
    ) -> Sequence[ConsumerRecord]:
        """Take the partition's next records, perhaps none in this time. Only one may wait for a partition.

        Raises as `getmany` does.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            taken = await self.getmany(partition, timeout_ms=0, max_records=max_records)
            records: Sequence[ConsumerRecord] = taken.get(partition, ())
            # What has come may be no record: a transaction that its producer took back.
            if records or (left_seconds := until - time.monotonic()) <= 0:
                return records
            await self._wait(partition, left_seconds)

    async def _wait(self, partition: TopicPartition, timeout_seconds: float) -> None:
        self._waiting[partition] = woken = asyncio.get_running_loop().create_future()
        self._listen()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await woken
        finally:
            self._waiting.pop(partition, None)

    def _listen(self) -> None:
        if self._come is None or self._come.done():
            self._come = self._fetcher._create_fetch_waiter()  # noqa: SLF001 - there is no public way to wait for many
            self._come.add_done_callback(self._wake)

    def _wake(self, come: asyncio.Future[None]) -> None:
        error = None if come.cancelled() else come.exception()
        here = self._fetcher._records  # noqa: SLF001 - nor to see what is here without taking it
        # An error of the consumer, and its end, are everybody's.
        is_for_all = error is not None or self._closed
        for partition in list(self._waiting) if is_for_all else here:
            woken = self._waiting.pop(partition, None)
            if woken is None or woken.done():
                continue
            if error is None:
                woken.set_result(None)
            else:
                woken.set_exception(error)
        if self._waiting:
            self._listen()
