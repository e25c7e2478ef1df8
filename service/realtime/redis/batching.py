"""Many small calls to Redis become few: what is asked for while one is under way travels together in the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import structlog

from realtime.errors import DependencyError, RedisUnavailable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Some milliseconds of Redis' time at 10 us an item; others wait that long for their turn.
MAX_ITEMS_PER_CALL: Final = 500
# Above the sessions that a pod has; each notes one thing or two when it goes.
MAX_WAITING: Final = 200_000
# After a call that has failed.
PAUSE_SECONDS: Final = 0.25


class Batching(Generic[Item, Answer]):
    """Hands items to `send` in the order in which they came, many in one call, and one call at a time.

    `send` answers each item, in their order, and raises `DependencyError` when it could not, or does not know whether
    it could. redis-py needs some 100 us for a command; a thousand handshakes at once must not cost a thousand of them.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._send = send
        self._waiting: deque[tuple[Item, asyncio.Future[Answer] | None]] = deque()
        self._some_wait = asyncio.Event()
        self._has_ended = False
        self._is_full = False

    async def run(self) -> None:
        """Send, until cancelled; who asks then or later gets `RedisUnavailable`, and what is noted stays."""
        self._has_ended = False
        try:
            while True:
                await self._some_wait.wait()
                try:
                    await self._send_some()
                except DependencyError as error:
                    log.debug("batch_failed", error=str(error))
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._has_ended = True
            self._keep_notes(self._take(len(self._waiting)), "this pod is leaving")

    async def ask(self, item: Item) -> Answer:
        """Send an item and return its answer; it is tried once. Raises `RedisUnavailable`.

        Who is cancelled before the item is sent, has it not sent.
        """
        return await self._expect(item)

    async def ask_all(self, items: Iterable[Item]) -> list[Answer]:
        """Send several items, and return their answers. Raises `RedisUnavailable` if one of them does."""
        return await asyncio.gather(*[self._expect(item) for item in items])

    def note(self, item: Item) -> None:
        """Send an item soon, and again until it has been answered: perhaps twice, and never before earlier ones."""
        if len(self._waiting) < MAX_WAITING:
            self._append(item, None)
        elif not self._is_full:
            self._is_full = True
            log.error("notes_dropped", limit=MAX_WAITING)

    async def flush(self) -> None:
        """Send what is noted, after `run` has ended. Raises `RedisUnavailable`."""
        while self._waiting:
            await self._send_some()

    def _expect(self, item: Item) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self._has_ended:
            answer.set_exception(RedisUnavailable("this pod is leaving"))
        elif len(self._waiting) >= MAX_WAITING:
            answer.set_exception(RedisUnavailable(f"{MAX_WAITING} others wait for Redis"))
        else:
            self._append(item, answer)
        return answer

    def _append(self, item: Item, answer: asyncio.Future[Answer] | None) -> None:
        self._waiting.append((item, answer))
        self._some_wait.set()

    def _take(self, count: int) -> list[tuple[Item, asyncio.Future[Answer] | None]]:
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        if not self._waiting:
            self._some_wait.clear()
        return [(item, answer) for item, answer in taken if answer is None or not answer.done()]

    async def _send_some(self) -> None:
        batch = self._take(MAX_ITEMS_PER_CALL)
        if not batch:
            return
        try:
            answers = await self._send([item for item, _ in batch])
        except BaseException as error:
            self._keep_notes(batch, str(error) or type(error).__name__)
            raise
        self._is_full = False
        for (_, asked), answer in zip(batch, answers, strict=True):
            if asked is not None and not asked.done():
                asked.set_result(answer)

    def _keep_notes(self, batch: Sequence[tuple[Item, asyncio.Future[Answer] | None]], why: str) -> None:
        """Tell who asked that it has failed; what was noted goes to the front again."""
        for _, asked in batch:
            if asked is not None and not asked.done():
                asked.set_exception(RedisUnavailable(why))
        notes = [(item, asked) for item, asked in batch if asked is None]
        if notes:
            self._waiting.extendleft(reversed(notes))
            self._some_wait.set()
