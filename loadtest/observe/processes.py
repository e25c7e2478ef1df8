"""What the kernel knows of a process (Linux). All raise `ProcessLookupError` when there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NS_PER_SECOND: Final = 1_000_000_000
BYTES_PER_KB: Final = 1_024


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads so far, kernel and user, exact to the nanosecond."""
    spent_ns = 0
    with _of(pid) as process:
        for thread in (process / "task").iterdir():
            try:
                spent_ns += int((thread / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    return spent_ns / NS_PER_SECOND


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
