"""The numbers to reach, from `targets.toml`, and which of them a run falls short of."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bench.measurements import Measurements
from bench.processes import OURS

TARGETS_FILE = Path(__file__).parent.parent / "targets.toml"


@dataclass(frozen=True)
class Target:
    """What ours should reach in a metric: a ratio to another server of the run, or a value when `over` names none."""

    name: str
    metric: str
    over: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def wanted(self) -> str:
        """What is wanted, in words, such as `at least 1.6 x node`."""
        bound = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{bound} x {self.over}" if self.over else bound


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured of it; None: this run did not measure it."""

    target: Target
    measured: float | None
    is_noise: bool = False

    @property
    def falls_short(self) -> bool:
        """Whether it was measured and missed."""
        if self.measured is None:
            return False
        at_least, at_most = self.target.at_least, self.target.at_most
        return (at_least is not None and self.measured < at_least) or (at_most is not None and self.measured > at_most)

    def __str__(self) -> str:
        if self.measured is None:
            return f"{self.target.name}: not measured, wanted {self.target.wanted}"
        noise = " (noise: the spreads overlap)" if self.is_noise else ""
        return f"{self.target.name}: measured {self.measured:.3g}, wanted {self.target.wanted}{noise}"


def load_targets(path: Path = TARGETS_FILE) -> list[Target]:
    """Read the targets."""
    return [Target(**one) for one in tomllib.loads(path.read_text())["target"]]


def judge(target: Target, measurements: Measurements) -> Verdict:
    """Compare a target with a run."""
    if target.over is None:
        summary = measurements.summary(target.metric, OURS)
        return Verdict(target, None if summary is None else summary.median)
    ratio = measurements.ratio(target.metric, OURS, target.over)
    return Verdict(target, None) if ratio is None else Verdict(target, ratio.value, ratio.is_noise)
