"""Who may come in now, and who waits: a token bucket, and a short queue before it."""

import asyncio
from collections import deque
from typing import Final

from realtime.limits.bucket import TokenBucket

# Nobody waits longer: who would have to is sent away at once.
LONGEST_WAIT_SECONDS: Final = 2.0
# Between two looks at who may come in.
LOOK_SECONDS: Final = 0.01


class AdmissionQueue:
    """Lets in `burst` at once and `per_second` on average; those above wait, first come, first served.

    At most `waiting_max` wait, and fewer where the last of so many would wait longer than `LONGEST_WAIT_SECONDS`.
    """

    def __init__(self, per_second: float, burst: int, waiting_max: int) -> None:
        self._bucket = TokenBucket(per_second, burst, 0.0)
        self._places = min(waiting_max, int(per_second * LONGEST_WAIT_SECONDS))
        self._turns: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._turns)

    def enter(self) -> asyncio.Future[None] | None:
        """None: come in now. Else come in once the future is done; cancelled, it takes nobody's turn.

        Raises `asyncio.QueueFull` when as many wait as may.
        """
        loop = asyncio.get_running_loop()
        if not self._turns and self._bucket.take(loop.time()):
            return None
        if len(self._turns) >= self._places:
            raise asyncio.QueueFull
        turn = loop.create_future()
        self._turns.append(turn)
        if len(self._turns) == 1:
            loop.call_later(LOOK_SECONDS, self._let_in)
        return turn

    def release(self) -> None:
        """Let all who wait go on at once, because it is decided otherwise what becomes of them."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)

    def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        while self._turns:
            if not self._turns[0].cancelled():
                if not self._bucket.take(loop.time()):
                    loop.call_later(LOOK_SECONDS, self._let_in)
                    return
                self._turns[0].set_result(None)
            self._turns.popleft()
