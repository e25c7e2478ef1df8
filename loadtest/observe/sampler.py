"""Samples of processes and gauges over time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from observe.processes import cpu_seconds, descriptors, resident_bytes, threads


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment: seconds since the sampler began to run, and what the kernel said of it then.

    `cpu_seconds` are those of all its threads since the process began.
    """

    at_seconds: float
    pid: int
    cpu_seconds: float
    resident_bytes: int
    descriptors: int
    threads: int


class Sampler:
    """Looks at named processes and asks named gauges, again and again, while `run` runs.

    A process is named by a function that says its pid now, so it may be restarted; None: there is none. What is not
    there, or does not answer, leaves a hole.
    """

    def __init__(
        self,
        processes: Mapping[str, Callable[[], int | None]],
        gauges: Mapping[str, Callable[[], Awaitable[float | None]]] | None = None,
        *,
        every_seconds: float = 1.0,
    ) -> None:
        self.samples: dict[str, list[Sample]] = {name: [] for name in processes}
        self.gauges: dict[str, list[tuple[float, float]]] = {name: [] for name in gauges or {}}
        self._pids = dict(processes)
        self._asked = dict(gauges or {})
        self._every_seconds = every_seconds
        self._began = time.monotonic()

    @property
    def elapsed_seconds(self) -> float:
        """Since it began; the time that samples have."""
        return time.monotonic() - self._began

    async def run(self) -> None:
        """Sample until cancelled."""
        self._began = due = time.monotonic()
        while True:
            await self.look()
            due = max(due + self._every_seconds, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def look(self) -> None:
        """Take one sample of everything."""
        for name, pid_of in self._pids.items():
            at, pid = self.elapsed_seconds, pid_of()
            if pid is None:
                continue
            try:
                sample = Sample(at, pid, cpu_seconds(pid), resident_bytes(pid), descriptors(pid), threads(pid))
            except ProcessLookupError:
                continue
            self.samples[name].append(sample)
        at = self.elapsed_seconds
        for name, value in zip(
            self._asked, await asyncio.gather(*(ask() for ask in self._asked.values())), strict=True
        ):
            if value is not None:
                self.gauges[name].append((at, value))

    def cores(self, name: str) -> list[tuple[float, float]]:
        """How many cores a process kept busy between each sample and the one before: (seconds, cores)."""
        return [
            (now.at_seconds, (now.cpu_seconds - before.cpu_seconds) / (now.at_seconds - before.at_seconds))
            for before, now in pairwise(self.samples[name])
            if now.pid == before.pid and now.at_seconds > before.at_seconds
        ]
