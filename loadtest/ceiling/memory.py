"""Where memory goes: to processes, and to the kernel for the sockets that they hold (Linux)."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

BYTES_PER_KB: Final = 1_024
BYTES_PER_GB: Final = 1_073_741_824
# What the kernel has for itself. A socket takes slabs above all: the socket, its inode, its name, its file, its place
# in epoll. That half of these are called reclaimable is true of files, not of open sockets.
KERNEL_FIELDS: Final = ("Slab", "PageTables", "KernelStack", "Percpu", "VmallocUsed")


@dataclass(frozen=True)
class Memory:
    """Who holds how many bytes. Of what processes have in common, each is given its share (PSS), so they add up."""

    pods: int
    redis: int
    kernel: int
    clients: int

    def __sub__(self, other: Self) -> Self:
        return type(self)(**{part: held - asdict(other)[part] for part, held in asdict(self).items()})

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())

    def each(self, sockets: int) -> dict[str, float]:
        """KB for each socket, by part."""
        return {part: held / BYTES_PER_KB / sockets for part, held in asdict(self).items()}


PARTS: Final = tuple(field.name for field in fields(Memory))


def proportional_bytes(pids: Iterable[int]) -> int:
    """Memory of processes: what is a process's own, and its share of what it has in common with others."""
    return sum(_pss_kb(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids) * BYTES_PER_KB


def kernel_bytes() -> int:
    """What the kernel holds for itself, on the whole machine: look at how it grows."""
    return sum(meminfo_bytes(field) for field in KERNEL_FIELDS)


def meminfo_bytes(field: str) -> int:
    """One line of /proc/meminfo."""
    found = re.search(rf"^{field}: +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * BYTES_PER_KB if found else 0


class Available:
    """What can still be had.

    The kernel's own word for it, MemAvailable, counts half of the slabs as something that can be had back. Those that
    have come since are of sockets that are open, and cannot.
    """

    def __init__(self) -> None:
        self._reclaimable = meminfo_bytes("SReclaimable")

    def bytes(self) -> int:
        """How much, now."""
        grown = max(0, meminfo_bytes("SReclaimable") - self._reclaimable)
        return meminfo_bytes("MemAvailable") - grown


def _pss_kb(rollup: str) -> int:
    found = re.search(r"^Pss: +(\d+)", rollup, re.MULTILINE)
    return int(found[1]) if found else 0
