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
WARM_UP_SECONDS: Final = 10.0
TRY_SECONDS: Final = 10.0
PER_SECOND: Final = (20.0, 2_000.0)


@dataclass(frozen=True)
class Load:
    """Events a second, and which share of the machine's processor time they took when they were tried; None: told."""

    per_second: float
    tried: dict[float, float] | None = None


async def find_half(crowd: Crowd, pids: Callable[[], Iterable[int]]) -> Load:
    """Find how many events a second take half of the machine, clients, churn, Kafka and Redis included."""
    tried = {}
    crowd.per_second = TRIED_PER_SECOND[0]
    await asyncio.sleep(WARM_UP_SECONDS)
    for crowd.per_second in TRIED_PER_SECOND:
        before, began = _spent(pids), time.monotonic()
        await asyncio.sleep(TRY_SECONDS)
        tried[crowd.per_second] = (_spent(pids) - before) / (time.monotonic() - began) / cores()
        crowd.check()
    return Load(half_of(tried), tried)


def half_of(tried: dict[float, float]) -> float:
    """Events a second where the line through what was tried comes to half; within what makes sense."""
    (few, share_of_few), (many, share_of_many) = tried.items()
    each = max(1e-6, (share_of_many - share_of_few) / (many - few))
    lowest, highest = PER_SECOND
    return round(min(highest, max(lowest, few + (HALF - share_of_few) / each)))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _spent(pids: Callable[[], Iterable[int]]) -> float:
    return sum(map(cpu_seconds, pids()))
