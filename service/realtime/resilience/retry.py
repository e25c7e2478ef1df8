"""Retrying what a dependency refused, with exponential backoff and jitter."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import stamina

from realtime.errors import DependencyError

T = TypeVar("T")

FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 5.0


async def until_available(attempt: Callable[[], Awaitable[T]], on_failure: Callable[[DependencyError], None]) -> T:
    """Try until the dependency does its part; delays double from 0.1 to 5 s, each with up to as much jitter.

    Never gives up: what waits behind it (a partition) is paused, not dropped. `on_failure` is told each failed attempt.
    Other errors than `DependencyError` pass through at once.
    """
    async for trial in stamina.retry_context(
        on=DependencyError,
        attempts=None,
        timeout=None,
        wait_initial=FIRST_DELAY_SECONDS,
        wait_max=LONGEST_DELAY_SECONDS,
        wait_jitter=FIRST_DELAY_SECONDS,
    ):
        with trial:
            try:
                return await attempt()
            except DependencyError as error:
                on_failure(error)
                raise
    raise AssertionError("an endless retry has ended")
