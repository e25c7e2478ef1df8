"""What stops a whole pod for a moment, and what it takes of the machine."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from realtime.telemetry.counting import QuickHistogram

PROBE_INTERVAL_SECONDS: Final = 0.1
# Of one stall, which may be that the whole machine was asleep.
MAX_PROBES_MISSED: Final = 600


async def probe_event_loop(lag: QuickHistogram) -> None:
    """Note how late the loop is, again and again, until cancelled.

    A probe in a stall of three seconds is one number among ten a second, while whatever became due in these seconds was
    late; so each probe that the stall has prevented counts, with what it would have found.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + PROBE_INTERVAL_SECONDS
    while True:
        await asyncio.sleep(due - loop.time())
        late_seconds = max(0.0, loop.time() - due)
        note_lag(lag, late_seconds)
        due = loop.time() + PROBE_INTERVAL_SECONDS


def note_lag(lag: QuickHistogram, late_seconds: float) -> None:
    """Note that a probe was late, and those that it has prevented."""
    lag.observe(late_seconds)
    for missed in range(1, min(int(late_seconds / PROBE_INTERVAL_SECONDS), MAX_PROBES_MISSED) + 1):
        lag.observe(late_seconds - missed * PROBE_INTERVAL_SECONDS)


@contextmanager
def measured_gc(pauses: QuickHistogram) -> Iterator[None]:
    """Note how long the garbage collector stops all else, each time."""
    began = 0.0

    def note(phase: str, _: object) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            pauses.observe(time.perf_counter() - began)

    gc.callbacks.append(note)
    try:
        yield
    finally:
        gc.callbacks.remove(note)


def resident_bytes() -> int:
    """Memory that this process takes now; 0 where there is no /proc to tell."""
    try:
        # proc(5): in pages; the second number is what is resident.
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class ConnectionMemory:
    """What connections take, beyond what the process had before the first."""

    def __init__(self) -> None:
        self._before = resident_bytes()

    def per_connection(self, connections: int) -> float:
        """Bytes for each; 0 without any."""
        return max(0, resident_bytes() - self._before) / connections if connections else 0.0
