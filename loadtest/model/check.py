"""The model beside what was measured: each phase of each number of pods, the largest of which it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Final

from model import fit
from model.constants import Sources, fitted
from model.fit import Point

# What the page promises: of pods and Redis while there is work, and of Redis' network.
ERROR_MAX: Final = 0.25


@dataclass(frozen=True, slots=True)
class Checked:
    """One measured point, and what the model says of it. `is_held_out`: the model was not fitted to it."""

    what: str
    unit: str
    phase: str
    pods: int
    measured: float
    modelled: float
    is_held_out: bool

    @property
    def error(self) -> float:
        """How much too much (or too little) the model says, as a share of what was measured."""
        return self.modelled / self.measured - 1


def check(sources: Sources) -> list[Checked]:
    """Compare all points, those of pods as the mean over a step's, with a fit to all steps but the largest."""
    steps = sources.steps
    costs = fitted(steps[:-1], sources.copy_us)
    kinds: list[tuple[str, str, str, list[Point]]] = [
        ("pod", "a pod", "cores", fit.pod_points(steps)),
        ("redis", "Redis", "cores", fit.redis_points(steps)),
        ("bytes_in", "Redis receives", "bytes/s", fit.redis_bytes_points(steps, "bytes_in")),
        ("bytes_out", "Redis sends", "bytes/s", fit.redis_bytes_points(steps, "bytes_out")),
    ]
    largest = steps[-1]["pods"]
    checked = []
    for key, what, unit, of_it in kinds:
        for (pods, phase), alike in groupby(of_it, key=lambda point: (point.pods, point.phase)):
            points = list(alike)
            measured = fmean(point.measured for point in points)
            modelled = fmean(fit.predict(costs[key], point.done) for point in points)
            checked.append(Checked(what, unit, phase, pods, measured, modelled, pods == largest))
    return checked


def judged(checked: Sequence[Checked]) -> list[Checked]:
    """Those that the bound holds for: an idle pod or Redis spends too little to be known so well."""
    return [one for one in checked if one.phase != "idle"]
