"""Whether a panel told: whether what it shows left the range that it had while all was well, or changed its colour."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

Points = Sequence[tuple[float, float]]  # seconds from the fault, value

# Around the calm range: half of its width, and a tenth of its size. What is quiet, may wobble.
WIDTH_SHARE: Final = 0.5
SIZE_SHARE: Final = 0.1
# One sample alone says nothing.
SAMPLES: Final = 2


@dataclass(frozen=True)
class Told:
    """When a panel first told, until when and why; `calm` is what it showed before, `then` what it showed instead."""

    first: float
    last: float
    why: str
    calm: str
    then: str


def told(series: Mapping[str, Points], thresholds: Sequence[float], until: float) -> Told | None:
    """Look at all series of a panel. Before zero all was well; what is after `until` does not count."""
    found = [one for points in series.values() if (one := _told(points, thresholds, until)) is not None]
    if not found:
        return None
    first = min(found, key=lambda one: one.first)
    return Told(first.first, max(one.last for one in found), first.why, first.calm, first.then)


def _told(points: Points, thresholds: Sequence[float], until: float) -> Told | None:
    known = [(at, value) for at, value in points if not math.isnan(value)]
    calm = [value for at, value in known if at < 0]
    after = [(at, value) for at, value in known if 0 <= at <= until]
    if calm:
        low, high = _range(calm)
        colours = {_colour(value, thresholds) for value in calm}
        out = [not low <= value <= high or _colour(value, thresholds) not in colours for _, value in after]
        calm_text = _as_range(calm)
    else:
        low = high = 0.0
        colours = {_colour(0.0, thresholds)}
        out = [value != 0 for _, value in after]
        calm_text = "nothing"
    when = _lasting([at for at, _ in after], out)
    if not when:
        return None
    values = {at: value for at, value in after if at in when}
    first = values[min(when)]
    why = "appeared" if not calm else "left its range" if not low <= first <= high else "changed its colour"
    return Told(min(when), max(when), why, calm_text, _as_range(list(values.values())))


def _as_range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _range(calm: Sequence[float]) -> tuple[float, float]:
    low, high = min(calm), max(calm)
    if math.isinf(low) or math.isinf(high):
        return low, high
    margin = WIDTH_SHARE * (high - low) + SIZE_SHARE * max(abs(low), abs(high))
    return low - margin, high + margin


def _lasting(times: Sequence[float], out: Sequence[bool]) -> set[float]:
    """The times of those samples that are out together with the one next to them."""
    found: set[float] = set()
    for (at, is_out), (next_at, next_is_out) in pairwise(zip(times, out, strict=True)):
        if is_out and next_is_out:
            found |= {at, next_at}
    return found


def _colour(value: float, thresholds: Sequence[float]) -> int:
    return sum(value >= threshold for threshold in thresholds)
