"""Who is told now what it missed, and who waits: a thousand that return at once must not stop those who stayed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Gives `concurrent_max` turns at a time, in the order in which they are asked for.

    Who takes longer than `longest_seconds` goes on beside the next one.
    """

    def __init__(self, concurrent_max: int, longest_seconds: float) -> None:
        self.longest_seconds = longest_seconds
        self._free = concurrent_max
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> "Turn":
        """Wait for a turn."""
        await self.acquire()
        return Turn(self)

    async def acquire(self, *, first: bool = False) -> None:
        """For a turn: wait until it may begin; `first`: before all who wait."""
        if self._free:
            self._free -= 1
            return
        may_begin = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(may_begin)
        else:
            self._waiting.append(may_begin)
        try:
            await may_begin
        except asyncio.CancelledError:
            if not may_begin.cancelled():
                self.release()  # it might have begun just now
            raise

    def release(self) -> None:
        """For a turn: let the next one begin."""
        while self._waiting:
            may_begin = self._waiting.popleft()
            if not may_begin.done():
                may_begin.set_result(None)
                return
        self._free += 1


class Turn:
    """Lasts until it is ended, and no longer than it may."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._has_ended = False
        self._begin()

    def end(self) -> None:
        """Let the next one begin, if that has not happened yet."""
        self._has_ended = True
        self._give_back()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Let the next one begin while a client is waited for; then go on as soon as one ends, before who begins."""
        self._give_back()
        yield
        if not self._has_ended:
            await self._turns.acquire(first=True)
            self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = loop.call_later(self._turns.longest_seconds, self._give_back)

    def _give_back(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._turns.release()
