"""Who is told now what it missed, and who waits: a thousand that return at once must not stop those who stayed."""

import asyncio


class Turn:
    """Lasts until it is ended, and no longer than it may."""

    def __init__(self, semaphore: asyncio.Semaphore, longest_seconds: float) -> None:
        self._semaphore = semaphore
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(longest_seconds, self.end)

    def end(self) -> None:
        """Let the next one begin, if that has not happened yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._semaphore.release()


class Turns:
    """Gives `concurrent_max` turns at a time, in the order in which they are asked for.

    Who takes longer than `longest_seconds`, because its client is slow or has gone, goes on beside the next one.
    """

    def __init__(self, concurrent_max: int, longest_seconds: float) -> None:
        self._semaphore = asyncio.Semaphore(concurrent_max)
        self._longest_seconds = longest_seconds

    async def take(self) -> Turn:
        """Wait for a turn."""
        await self._semaphore.acquire()
        return Turn(self._semaphore, self._longest_seconds)
