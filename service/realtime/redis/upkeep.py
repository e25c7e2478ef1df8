"""What a pod has told Redis is told again: in rounds, and at once when Redis turns out to have forgotten it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from realtime.errors import RedisUnavailable

log = structlog.get_logger(__name__)

# 5,000 a second: Redis has others to serve, and all pods notice at the same moment that it has forgotten.
IDS_PER_SLICE: Final = 250
PAUSE_SECONDS: Final = 0.05


class Upkeep:
    """Asks every `beat_seconds` whether Redis still knows this pod, and tells it all again every `round_seconds`.

    `beat` asks; whoever learns that Redis has forgotten calls `forgotten`. `ids` are what this pod holds now, and
    `tell_again` tells those of some ids that it still holds. `beat` and `tell_again` may raise `RedisUnavailable`.
    """

    def __init__(
        self,
        beat: Callable[[], Awaitable[object]],
        ids: Callable[[], Sequence[str]],
        tell_again: Callable[[Sequence[str]], Awaitable[None]],
        beat_seconds: float,
        round_seconds: float,
    ) -> None:
        self._beat = beat
        self._ids = ids
        self._tell_again = tell_again
        self._beat_seconds = beat_seconds
        self._round_seconds = round_seconds
        self._has_forgotten = asyncio.Event()

    def forgotten(self) -> None:
        """Redis has forgotten what it was told."""
        self._has_forgotten.set()

    async def run(self) -> None:
        """Until cancelled; Redis need not be there."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat_on())
            tasks.create_task(self._go_round())

    async def _beat_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            next_beat = loop.time() + self._beat_seconds
            try:
                await self._beat()
            except RedisUnavailable as error:
                log.debug("beat_failed", error=str(error))
            await asyncio.sleep(next_beat - loop.time())

    async def _go_round(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._round_seconds):
                    await self._has_forgotten.wait()
            except TimeoutError:
                pass
            self._has_forgotten.clear()
            ids = self._ids()
            try:
                for start in range(0, len(ids), IDS_PER_SLICE):
                    await self._tell_again(ids[start : start + IDS_PER_SLICE])
                    await asyncio.sleep(PAUSE_SECONDS)
            except RedisUnavailable as error:
                log.debug("not_told_again", error=str(error))
                await asyncio.sleep(self._beat_seconds)
                self._has_forgotten.set()
