"""What grows, and who went on where they had been: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from math import sqrt
from statistics import fmean
from typing import Final

from tool.errors import Failed
from tool.numbered import Verdict

Series = Sequence[tuple[float, float]]

SECONDS_PER_HOUR: Final = 3_600.0
# A sample resembles the one before, so that a fit through all of them would be surer of itself than it may be. Means of
# whole pieces of the series hardly do.
PIECES: Final = 10
# Student's t for 95 % on both sides, of a line through so many points.
T_OF_PIECES: Final = 2.306


class Outcome(StrEnum):
    """What a series shows."""

    FLAT = "flat"
    GROWS = "GROWS"
    UNCLEAR = (
        "UNCLEAR"  # it may have grown by more than is allowed, or not at all: it swings too much for so short a run
    )


@dataclass(frozen=True)
class Bound:
    """How much something may grow over the second half: a share of its mean, or so much, whichever is more; and why."""

    share: float
    at_least: float
    why: str

    def of(self, mean: float) -> float:
        """In the quantity's own unit."""
        return max(self.share * mean, self.at_least)


@dataclass(frozen=True)
class Trend:
    """The second half of a series, as a line: what it grew by along it, give or take a margin, and how much it may."""

    name: str
    mean: float
    growth: float
    margin: float
    allowed: float
    seconds: float

    @property
    def at_most(self) -> float:
        """What it may have grown by: the upper end of the interval that holds its growth in 95 of 100 runs."""
        return self.growth + self.margin

    @property
    def at_most_per_hour(self) -> float:
        """The same, for an hour."""
        return self.at_most / self.seconds * SECONDS_PER_HOUR

    @property
    def outcome(self) -> Outcome:
        """Judge it by the most that it may have grown by: what is not known to be flat is not flat."""
        if self.at_most <= self.allowed:
            return Outcome.FLAT
        return Outcome.GROWS if self.growth > self.margin else Outcome.UNCLEAR


class TooShort(Failed):
    """There are too few samples to say whether anything grows."""


def trend(name: str, series: Series, bound: Bound) -> Trend:
    """Fit a line to the second half, by least squares. The first half is for what has to fill. Raises `TooShort`."""
    if not series:
        raise TooShort(f"{name}: nothing was sampled")
    middle = (series[0][0] + series[-1][0]) / 2
    half = [(at, value) for at, value in series if at >= middle]
    if len(half) < PIECES:
        raise TooShort(
            f"{name}: {len(half)} samples in the second half, at least {PIECES} are needed: let it run longer"
        )
    slope, error = _line(_pieces(half))
    mean, seconds = fmean(value for _, value in half), half[-1][0] - half[0][0]
    return Trend(name, mean, slope * seconds, T_OF_PIECES * error * seconds, bound.of(mean), seconds)


def _pieces(half: Series) -> Series:
    """The means of as many pieces of it, one after the other."""
    ends = [len(half) * place // PIECES for place in range(PIECES + 1)]
    cut = (half[start:end] for start, end in pairwise(ends))
    return [(fmean(at for at, _ in piece), fmean(value for _, value in piece)) for piece in cut]


def _line(points: Series) -> tuple[float, float]:
    """The slope of the line through them, and its standard error."""
    at_mean, mean = fmean(at for at, _ in points), fmean(value for _, value in points)
    spread = sum((at - at_mean) ** 2 for at, _ in points)
    slope = sum((at - at_mean) * (value - mean) for at, value in points) / spread
    off = sum((value - mean - slope * (at - at_mean)) ** 2 for at, value in points)
    return slope, sqrt(off / (len(points) - 2) / spread)


@dataclass
class Account:
    """What came of all events, each user's of which are numbered, and of all who came back."""

    verdict: Verdict = field(default_factory=Verdict)
    returns: int = 0
    recovered: int = 0
    gone_for_good: int = 0
    broken: dict[str, int] = field(default_factory=dict)  # connections that others broke, by whose it was, and how
    unknowable: int = 0
    """Events of clients that keep no place, next to a connection that others broke: missing, or come again."""
    why_not: dict[str, int] = field(default_factory=dict)  # who came back did not go on: in the server's words

    def add(self, verdict: Verdict, *, is_known: bool) -> None:
        """Add what one client has heard; `is_known` unless it kept no place as others broke its connection.

        What was on its way to such a client then, nobody can know: docs/guarantees.md, 3.
        """
        if not is_known:
            self.unknowable += verdict.lost + verdict.repeated
            verdict = replace(verdict, lost=0, repeated=0)
        self.verdict += verdict

    @property
    def is_good(self) -> bool:
        """Whether each was heard once and in order, and everybody who came back went on where they had been."""
        return self.verdict.is_clean and self.returns == self.recovered
