"""One partition's intake, in small: publishes numbers as the real one does, and knows what must have arrived."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from realtime.broker.base import NO_POSITION, Broker
from realtime.errors import RedisUnavailable
from suites.listening import batch, publication


class Partition:
    """A partition of Kafka whose record n says `<number>:<n>`, and the consumer that publishes it until it is told to end."""

    def __init__(
        self, broker: Broker, number: int, rooms_of: Callable[[int], Sequence[str]], records_per_batch: int = 3
    ) -> None:
        self.number = number
        self.position = NO_POSITION
        self.rewinds = 0
        # Records below this may have been heard, whatever it was taken back to since: also those of an unanswered batch.
        self.heard_below = 0
        self.failures = 0
        self._broker = broker
        self._rooms_of = rooms_of
        self._records_per_batch = records_per_batch
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False

    def packet(self, record: int) -> str:
        return f"{self.number}:{record}"

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Finish the batch under way, however long Redis is away."""
        assert self._task is not None
        self._is_ending = True
        async with asyncio.timeout(20):
            await self._task

    async def _run(self) -> None:
        while not self._is_ending:
            await self._publish()
            await asyncio.sleep(0.001)

    async def _publish(self) -> None:
        first = self.position + 1
        records = [
            (n, [publication(self.packet(n), *self._rooms_of(n))])
            for n in range(first, first + self._records_per_batch)
        ]
        self.heard_below = max(self.heard_below, first + self._records_per_batch)
        while True:
            with contextlib.suppress(RedisUnavailable):
                outcome = await self._broker.publish_records(batch(self.position, *records, number=self.number))
                break
            self.failures += 1
            await asyncio.sleep(0.01)
        self.rewinds += outcome.behind
        self.position = outcome.position
