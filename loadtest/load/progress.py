"""What one sees while a run lasts: where it is, who is there, what they hear and how late."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swarm.timeline import Second, Timeline

ENTRY: Final = "deliver order:updated"
# Into a file goes a line now and then, and no bar.
LINE_EVERY_SECONDS: Final = 5.0


class Told:
    """Tells of a timeline that grows."""

    def __init__(self, console: Console, bar: Progress, seconds: int) -> None:
        self._console = console
        self._bar = bar
        self._task = bar.add_task("people come", total=seconds)
        self._next_line = 0.0

    def __call__(self, timeline: Timeline) -> None:
        """Tell of its last second."""
        if timeline.summary is not None:
            self._bar.update(self._task, description="everybody has left")
        if not timeline.seconds:
            return
        now = timeline.seconds[-1]
        text = in_short(now, rate(timeline, "deliveries"))
        self._bar.update(self._task, completed=now.seconds, description=text)
        if not self._console.is_terminal and now.seconds >= self._next_line:
            self._next_line = now.seconds + LINE_EVERY_SECONDS
            self._console.print(f"{now.seconds:4.0f} s  {text}", highlight=False, markup=False)


@contextmanager
def told(console: Console, seconds: int) -> Iterator[Told]:
    """A bar, for as long as the run lasts."""
    columns = (BarColumn(20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Told(console, bar, seconds)


def in_short(now: Second, deliveries_per_second: float) -> str:
    """One line of a second."""
    entry = now.entries.get(ENTRY)
    late = "no news yet" if entry is None or entry.p99_ms is None else f"p99 {entry.p99_ms:,.0f} ms"
    return (
        f"{now.phase}: {now.connected:,} of {now.wanted:,} connected, {deliveries_per_second:,.0f} deliveries/s, {late}"
    )


def rate(timeline: Timeline, what: str) -> float:
    """How many a second there were lately: `deliveries` or `events`."""
    return rates(timeline.seconds, what)[-1][1] if timeline.seconds else 0.0


def rates(seconds: list[Second], what: str, over: int = 1) -> list[tuple[float, float]]:
    """How many a second there were, in so many seconds until each (at first: since the beginning): (seconds, rate)."""
    counts = [(0.0, 0), *((second.seconds, getattr(second, what)) for second in seconds)]
    before = [counts[0]] * over + counts
    return [
        (at, (count - count_before) / (at - at_before))
        for (at, count), (at_before, count_before) in zip(counts, before, strict=False)
        if at > at_before
    ]
