"""The one place that polls, so that no test sleeps and hopes."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

Outcome = TypeVar("Outcome")

# Short against what tests measure, long against what a look costs.
PAUSE_SECONDS = 0.01


@overload
async def eventually(
    condition: Callable[[], Coroutine[Any, Any, Outcome | None]], timeout_seconds: float, message: str
) -> Outcome: ...
@overload
async def eventually(condition: Callable[[], Outcome | None], timeout_seconds: float, message: str) -> Outcome: ...
async def eventually(condition: Callable[[], Any], timeout_seconds: float, message: str) -> Any:
    """Return the first true outcome of the condition, a function or a coroutine function.

    Raises `AssertionError` with the message, which says what was waited for, when there was none in time; also when
    a single look hangs. What the condition itself raises passes through: a wait is no place to hide errors.
    """
    try:
        async with asyncio.timeout(timeout_seconds) as limit:
            while True:
                outcome = condition()
                if inspect.isawaitable(outcome):
                    outcome = await outcome
                if outcome:
                    return outcome
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"not within {timeout_seconds:g} s: {message}") from None
