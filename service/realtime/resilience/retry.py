"""Retrying what a dependency refused, with exponential backoff and jitter."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import stamina

from realtime.errors import DependencyError
from realtime.resilience.breaker import Breaker

T = TypeVar("T")

FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 5.0


async def until_available(
    breaker: Breaker, attempt: Callable[[], Awaitable[T]], on_failure: Callable[[DependencyError], None]
) -> T:
    """Try until the dependency does its part; delays double from 0.1 to 5 s, each with up to as much jitter.

    Never gives up: what waits behind it (a partition) is paused, not dropped. While the breaker is open, one of all who
    wait probes, and all go on as soon as it closes. `on_failure` is told each failed attempt. Other errors than
    `DependencyError` pass through at once.
    """

    async def ask() -> T:
        await breaker.until_askable()
        try:
            return await breaker.call(attempt)
        except DependencyError as error:
            breaker.note_retry()
            on_failure(error)
            raise

    # What retrying takes (stamina's and tenacity's parts) is 45 objects in circles. Made for each batch of records,
    # these alone kept the garbage collector busy, which holds up the whole pod, some 50 ms at a time.
    try:
        return await ask()
    except DependencyError as error:
        first_failure = error
    async for trial in stamina.retry_context(
        on=DependencyError,
        attempts=None,
        timeout=None,
        wait_initial=FIRST_DELAY_SECONDS,
        wait_max=LONGEST_DELAY_SECONDS,
        wait_jitter=FIRST_DELAY_SECONDS,
    ):
        with trial:
            if trial.num == 1:
                raise first_failure
            return await ask()
    raise AssertionError("an endless retry has ended")
