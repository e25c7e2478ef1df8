"""The rows of the table, and which numbers of each are best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.measurements import Measurements, Metric, Summary
from scorecard.contenders import Contender

SHARE: Final = "%"
EVENTS: Final = "events"
# What is counted is exact; all else is timed.
COUNTED: Final = frozenset({SHARE, EVENTS})
# Of fewer repetitions the spread says little: the row is weak, and what differs by no more than this is the same.
ENOUGH_REPETITIONS: Final = 3
SAME_PERCENT: Final = 10
WEAK_NOTE: Final = (
    f"*weak*: fewer than {ENOUGH_REPETITIONS} repetitions; then all that is timed and within {SAME_PERCENT} % of the"
    " best is bold."
)
# How busy everything but the pod was: the load client, Kafka and Redis share a core. Nobody is better at that.
OTHER_CORE: Final = "% of the other core"
BUSY_PERCENT: Final = 90.0
# What would be better if those had more of a processor.
LIMITED: Final = frozenset({"records/s", "connections/s", "ms"})
LIMITED_MARK: Final = "\N{DAGGER}"
LIMITED_NOTE: Final = (
    f"{LIMITED_MARK}: the other core, which has the load client, Kafka and Redis, was busy for {BUSY_PERCENT:.0f} % or"
    " more of the time; then the pod may be better than the number says."
)


@dataclass(frozen=True)
class Line:
    """One row: what each came to, in the order of the contenders, which are best, and which had to wait for others."""

    metric: Metric
    summaries: list[Summary | None]
    best: set[int]
    limited: set[int]

    @property
    def measured(self) -> int:
        """How many have a part in it."""
        return sum(summary is not None for summary in self.summaries)

    @property
    def repetitions(self) -> int:
        """Of whoever has the fewest."""
        return min(summary.repetitions for summary in self.summaries if summary is not None)

    @property
    def is_weak(self) -> bool:
        """Whether it has too few repetitions."""
        return self.repetitions < ENOUGH_REPETITIONS

    def text(self, contender: int, *, with_spread: bool = True) -> str:
        """The median of one, with the spread when there are several repetitions; `-`: not measured."""
        summary = self.summaries[contender]
        if summary is None:
            return "-"
        median = number(self.metric.unit, summary.median) + (LIMITED_MARK if contender in self.limited else "")
        if summary.repetitions == 1 or not with_spread:
            return median
        return f"{median} [{number(self.metric.unit, summary.lowest)}..{number(self.metric.unit, summary.highest)}]"


def lines_of(measurements: Measurements, contenders: Sequence[Contender]) -> list[Line]:
    """The rows of what was measured."""
    busy: dict[str, set[int]] = {}  # by row of the plan: beside whom the other core was
    told = []
    for metric in measurements.metrics.values():
        summaries = [measurements.summary(metric.id, contender.kind) for contender in contenders]
        told.append((metric, summaries))
        if metric.unit == OTHER_CORE:
            busy[row_of(metric)] = {i for i, one in enumerate(summaries) if one and one.median >= BUSY_PERCENT}
    return [
        Line(
            metric,
            summaries,
            best_of(metric, summaries),
            busy.get(row_of(metric), set()) if metric.unit in LIMITED | {OTHER_CORE} else set(),
        )
        for metric, summaries in told
    ]


def row_of(metric: Metric) -> str:
    """The row of the plan that it is measured in."""
    return metric.id.partition("/")[0]


def best_of(metric: Metric, summaries: Sequence[Summary | None]) -> set[int]:
    """Who has the best median, and all who may be as good: whose spread overlaps with that one's.

    Where either has too few repetitions for a spread, those within 10 % too, unless it is something that is counted.
    """
    there = {i: summary for i, summary in enumerate(summaries) if summary is not None}
    if not there or metric.unit == OTHER_CORE:
        return set()
    best = (max if metric.more_is_better else min)(there.values(), key=lambda summary: summary.median)

    def is_as_good(summary: Summary) -> bool:
        has_spread = min(summary.repetitions, best.repetitions) >= ENOUGH_REPETITIONS
        allowed = 0.0 if has_spread or metric.unit in COUNTED else SAME_PERCENT / 100 * best.median
        return summary.overlaps(best) or abs(summary.median - best.median) <= allowed

    return {i for i, summary in there.items() if is_as_good(summary)}


def number(unit: str, value: float) -> str:
    """As many digits as are worth reading; of a share two behind the point, and 100 only when nothing is missing."""
    if unit == SHARE:
        return "100" if value == 100 else f"{min(value, 99.99):.2f}"
    if unit == OTHER_CORE or value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
