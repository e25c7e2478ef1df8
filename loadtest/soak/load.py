"""How much is half: of the machine's processor time, everything together."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from observe.processes import cpu_seconds
from soak.crowd import Crowd

HALF: Final = 0.5
# Two paces make a line, on which half is looked for.
TRIED_PER_SECOND: Final = (50.0, 200.0)
NEAR: Final = 0.03
CORRECTIONS_MAX: Final = 4
WARM_UP_SECONDS: Final = 10.0
# After the pace has changed.
SETTLE_SECONDS: Final = 2.0
TRY_SECONDS: Final = 10.0
PER_SECOND: Final = (20.0, 2_000.0)
# Of the machine, for an event a second: below that what was tried is noise.
EACH_MIN: Final = 1e-6


@dataclass(frozen=True)
class Load:
    """Events a second, and which share of the machine's processor time they took when they were tried; None: told."""

    per_second: float
    tried: dict[float, float] | None = None


async def find_half(crowd: Crowd, pids: Callable[[], Iterable[int]]) -> Load:
    """Find how many events a second take half of the machine, clients, churn, Kafka and Redis included.

    What two paces promise is tried as well, and corrected by what it takes, until it is near: events are cheaper where
    there are many. Raises `ProcessLookupError` when one of the processes ends.
    """
    await asyncio.sleep(WARM_UP_SECONDS)
    tried: dict[float, float] = {}
    for pace in TRIED_PER_SECOND:
        tried[pace] = await _share_at(pace, crowd, pids)
    each = share_of_each(tried)
    for _ in range(CORRECTIONS_MAX):
        pace = towards_half(pace, tried[pace], each)
        if pace in tried:
            break
        tried[pace] = await _share_at(pace, crowd, pids)
        if abs(tried[pace] - HALF) <= NEAR:
            break
    return Load(pace, tried)


def share_of_each(tried: dict[float, float]) -> float:
    """Of the machine, for an event a second more: by the line through two paces."""
    (few, share_of_few), (many, share_of_many) = tried.items()
    return max(EACH_MIN, (share_of_many - share_of_few) / (many - few))


def towards_half(per_second: float, share: float, each: float) -> float:
    """Events a second that take half, where so many take this share; within what makes sense."""
    lowest, highest = PER_SECOND
    return round(min(highest, max(lowest, per_second + (HALF - share) / each)))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


async def _share_at(per_second: float, crowd: Crowd, pids: Callable[[], Iterable[int]]) -> float:
    crowd.per_second = per_second
    await asyncio.sleep(SETTLE_SECONDS)
    before, began = _spent(pids), time.monotonic()
    await asyncio.sleep(TRY_SECONDS)
    share = (_spent(pids) - before) / (time.monotonic() - began) / cores()
    crowd.check()
    return share


def _spent(pids: Callable[[], Iterable[int]]) -> float:
    return sum(map(cpu_seconds, pids()))
