"""What the kernel knows of a process (Linux). All raise `ProcessLookupError` when there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NS_PER_SECOND: Final = 1_000_000_000
BYTES_PER_KB: Final = 1_024


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads so far, of those that have ended too, kernel and user; exact to nanoseconds."""
    try:
        return time.clock_gettime_ns(_cpu_clock_of(pid)) / NS_PER_SECOND
    except OSError:
        raise ProcessLookupError(f"there is no process {pid}") from None


def _cpu_clock_of(pid: int) -> int:
    # As clock_getcpuclockid(3) makes it; Python has only pthread_getcpuclockid(3). The last bits: of a process, and
    # what the scheduler has counted.
    return (~pid << 3) | 2


def resident_bytes(pid: int) -> int:
    """Memory that it holds; what the kernel buffers for its sockets is not in it."""
    return _status(pid, "VmRSS") * BYTES_PER_KB


def threads(pid: int) -> int:
    """How many threads it has."""
    return _status(pid, "Threads")


def descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    with _of(pid) as process:
        return sum(1 for _ in (process / "fd").iterdir())


def _status(pid: int, name: str) -> int:
    with _of(pid) as process:
        for line in (process / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    raise ProcessLookupError(f"{pid} has ended")  # a zombie holds no memory


@contextmanager
def _of(pid: int) -> Iterator[Path]:
    try:
        yield Path(f"/proc/{pid}")
    except FileNotFoundError:
        raise ProcessLookupError(f"there is no process {pid}") from None
