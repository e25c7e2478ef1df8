"""What repetitions come to: a median, its spread, and whether a difference is more than that."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.measurements import Summary

NOISE: Final = "noise"


def summary(values: Sequence[float | None]) -> Summary | None:
    """What repetitions come to; None where one was not measured."""
    known = [value for value in values if value is not None]
    return Summary(median(known), min(known), max(known), len(known)) if len(known) == len(values) > 0 else None


def cell(one: Summary | None, form: str) -> str:
    """The median, and the spread if it can be seen."""
    if one is None:
        return "-"
    middle, lowest, highest = (form.format(value) for value in (one.median, one.lowest, one.highest))
    return middle if lowest == highest else f"{middle} [{lowest}..{highest}]"


def growth(first: Summary | None, last: Summary | None) -> str:
    """The last median to the first; `noise` where the spreads of several repetitions overlap."""
    if first is None or last is None or first is last or first.median <= 0:
        return ""
    is_noise = first.repetitions > 1 and first.overlaps(last)
    return f"{last.median / first.median:.2f} x{f', {NOISE}' if is_noise else ''}"
