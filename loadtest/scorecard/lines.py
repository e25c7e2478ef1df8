"""The rows of the table, and which numbers of each are best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.measurements import Measurements, Metric, Summary
from scorecard.contenders import Contender

# Numbers that differ by no more are the same.
SAME: Final = 0.02
SHARE: Final = "%"


@dataclass(frozen=True)
class Line:
    """One row: what each came to, in the order of the contenders, and which of them are best."""

    metric: Metric
    summaries: list[Summary | None]
    best: set[int]

    def text(self, contender: int, *, with_spread: bool = True) -> str:
        """The median of one, with the spread when there are several repetitions; `-`: not measured."""
        summary = self.summaries[contender]
        if summary is None:
            return "-"
        median = number(self.metric.unit, summary.median)
        if summary.repetitions == 1 or not with_spread:
            return median
        return f"{median} [{number(self.metric.unit, summary.lowest)}..{number(self.metric.unit, summary.highest)}]"


def lines_of(measurements: Measurements, contenders: Sequence[Contender]) -> list[Line]:
    """The rows of what was measured."""
    made = []
    for metric in measurements.metrics.values():
        summaries = [measurements.summary(metric.id, contender.kind) for contender in contenders]
        made.append(Line(metric, summaries, best_of(metric, summaries)))
    return made


def best_of(metric: Metric, summaries: Sequence[Summary | None]) -> set[int]:
    """Which have the best median, or one that differs from it by no more than 2 %; of a share, the best alone."""
    medians = {i: summary.median for i, summary in enumerate(summaries) if summary is not None}
    if not medians:
        return set()
    best = max(medians.values()) if metric.more_is_better else min(medians.values())
    allowed = 0.0 if metric.unit == SHARE else SAME * abs(best)
    return {i for i, median in medians.items() if abs(median - best) <= allowed}


def number(unit: str, value: float) -> str:
    """As many digits as are worth reading; of a share two behind the point, and 100 only when nothing is missing."""
    if unit == SHARE:
        return "100" if value == 100 else f"{min(value, 99.99):.2f}"
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
