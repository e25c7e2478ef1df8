"""What this process may have of this machine."""

import asyncio
import importlib.util
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

TICKS: Final = 20
TICK_SECONDS: Final = 0.01
QUICK_PACKAGES: Final = ("uvloop", "httptools", "hiredis")
# A limit that is none; cgroups of version 1 say so in a number of pages.
NO_LIMIT_BYTES: Final = 2**60


@dataclass(frozen=True)
class Machine:
    """None: the machine does not tell, as on systems other than Linux."""

    python: tuple[int, ...]
    packages: dict[str, str | None]
    loop: str
    loop_late_ms: float  # how late the event loop was at worst, with nothing to do
    descriptors: int | None  # None: as many as one likes
    backlog: int | None
    memory_bytes: int | None
    cores: int


async def ask_machine() -> Machine:
    """Look; takes a fifth of a second, in which the loop has nothing else to do."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        sys.version_info[:3],
        {name: _version(name) for name in QUICK_PACKAGES},
        type(asyncio.get_running_loop()).__module__.partition(".")[0],
        await _loop_late_ms(),
        None if soft == resource.RLIM_INFINITY else soft,
        _number(Path("/proc/sys/net/core/somaxconn")),
        _memory_bytes(),
        len(os.sched_getaffinity(0)) if platform.system() == "Linux" else os.cpu_count() or 1,
    )


async def _loop_late_ms() -> float:
    late = 0.0
    for _ in range(TICKS):
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late = max(late, time.perf_counter() - due)
    return late * 1_000


def _version(package: str) -> str | None:
    try:
        return version(package) if importlib.util.find_spec(package) else None
    except PackageNotFoundError:
        return None


def _memory_bytes() -> int | None:
    """Of the container's limit and the machine's memory, what is less."""
    limits = [
        _number(Path("/sys/fs/cgroup/memory.max")),
        _number(Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")),
        _total_memory(),
    ]
    return min((limit for limit in limits if limit is not None and limit < NO_LIMIT_BYTES), default=None)


def _total_memory() -> int | None:
    try:
        first = Path("/proc/meminfo").read_text().splitlines()[0].split()
        return int(first[1]) * 1_024
    except (OSError, ValueError, IndexError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
