"""Where time comes from, so that tests can hold it still."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """The two clocks: one to tell people the time, one to measure with."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch; may jump when the machine's clock is set."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return time.time_ns() // 1_000_000

    def monotonic_seconds(self) -> float:
        """See `Clock.monotonic_seconds`."""
        return time.monotonic()


def iso_utc(unix_ms: int) -> str:
    """Write a Unix time in milliseconds as JavaScript's `Date.toISOString()` does."""
    seconds, ms = divmod(unix_ms, 1_000)
    return f"{_to_the_second(seconds)}.{ms:03d}Z"


# Thousands of events happen in the same second.
@lru_cache(maxsize=64)
def _to_the_second(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).replace(tzinfo=None).isoformat()
