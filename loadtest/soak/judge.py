"""What grows, and what was lost: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, linear_regression
from typing import Final

Series = Sequence[tuple[float, float]]

SECONDS_PER_HOUR: Final = 3_600.0
# Fewer points make no line.
POINTS_MIN: Final = 10


@dataclass(frozen=True)
class Bound:
    """How much something may grow over the second half: a share of its mean, or so much, whichever is more."""

    share: float
    at_least: float

    def of(self, mean: float) -> float:
        """In the quantity's own unit."""
        return max(self.share * mean, self.at_least)


@dataclass(frozen=True)
class Trend:
    """The second half of a series, as a line: what it grew by along it, and how much it may."""

    name: str
    mean: float
    growth: float
    allowed: float
    slope_per_hour: float

    @property
    def grows(self) -> bool:
        """Whether that is more than noise and habit."""
        return self.growth > self.allowed


class TooShort(Exception):
    """There are too few samples to say whether anything grows."""


def trend(name: str, series: Series, bound: Bound) -> Trend:
    """Fit a line to the second half, by least squares. The first half is for what has to fill. Raises `TooShort`."""
    if not series:
        raise TooShort(f"{name}: nothing was sampled")
    middle = (series[0][0] + series[-1][0]) / 2
    half = [(at, value) for at, value in series if at >= middle]
    if len(half) < POINTS_MIN:
        raise TooShort(f"{name}: {len(half)} samples in the second half, at least {POINTS_MIN} are needed")
    times, values = zip(*half, strict=True)
    slope, _ = linear_regression(times, values)
    mean = fmean(values)
    return Trend(name, mean, slope * (times[-1] - times[0]), bound.of(mean), slope * SECONDS_PER_HOUR)


@dataclass
class Account:
    """What came of all events: numbered for each user from 1, and to be heard once and in order."""

    sent: int = 0
    heard: int = 0
    lost: int = 0
    repeated: int = 0
    returns: int = 0
    recovered: int = 0
    gone_for_good: int = 0
    broken_by_others: int = 0
    why_not: dict[str, int] = field(default_factory=dict)  # who came back did not go on: in the server's words

    @property
    def is_good(self) -> bool:
        """Whether each was heard once, and everybody who came back went on where they had been."""
        return not (self.lost or self.repeated) and self.returns == self.recovered


class Hearing:
    """What one user has heard: tells at once what was left out, and what came again."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.sent = 0
        self.last = 0

    def send(self) -> int:
        """The number of the user's next event."""
        self.sent += 1
        self._account.sent += 1
        return self.sent

    def hear(self, number: int) -> None:
        """Take what the user was told."""
        if number <= self.last:
            self._account.repeated += 1
            return
        self._account.lost += number - self.last - 1
        self._account.heard += 1
        self.last = number

    @property
    def has_all(self) -> bool:
        """Whether nothing is on its way."""
        return self.last == self.sent

    def end(self) -> None:
        """What has not come by now is lost."""
        self._account.lost += self.sent - self.last
        self.last = self.sent
