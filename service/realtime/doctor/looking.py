"""Looking at one thing: with a time limit, and so that whatever goes wrong is a finding and never the doctor's end."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import chain
from typing import Any, Final

from realtime.doctor.finding import Area, Finding

# A look is a handful of round trips.
LOOK_SECONDS: Final = 10.0
MAX_CHARACTERS: Final = 300

Look = Callable[[], Coroutine[Any, Any, Iterable[Finding]]]


async def look_at(area: Area, subject: str, look: Look, timeout_seconds: float = LOOK_SECONDS) -> list[Finding]:
    """Look, as a task of its own: one that does not even let itself be cancelled is left behind."""
    task = asyncio.ensure_future(look())
    try:
        await asyncio.wait({task}, timeout=timeout_seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done() or task.cancelled():
        told = f"not known: no answer within {timeout_seconds:g} s"
        return [
            area.fail(subject, told, f"whatever answers slowly must be found first; see what {area.name} itself logs")
        ]
    error = task.exception()
    if error is not None:
        return [
            area.fail(subject, f"not known: {describe(error)}", "run again; if it stays, this is a bug of the doctor")
        ]
    return list(task.result())


async def look_at_all(looks: Iterable[Coroutine[Any, Any, list[Finding]]]) -> list[Finding]:
    """Look at several things at once; their findings stay in order."""
    return list(chain.from_iterable(await asyncio.gather(*looks)))


def describe(error: BaseException) -> str:
    """Say an error in one line that is not without end."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return (text if name in text else f"{name}: {text}" if text else name)[:MAX_CHARACTERS]
