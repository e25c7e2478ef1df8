"""The model beside what was measured: each phase of each number of pods, the largest of which it was not fitted to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Final

from model import costs, fit
from model.constants import Constants, Sources
from model.fit import COPIES, DELIVERIES, EVENTS, PODS, RECORDS, ROOM_MESSAGES, Point

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


def check(c: Constants, sources: Sources) -> list[Checked]:
    """Compare all points, those of pods as the mean over a step's. Constants know nothing of the largest step."""
    steps, largest = sources.steps, sources.steps[-1]["pods"]

    def pod(done: Mapping[str, float]) -> float:
        return costs.pod_cores(c, done[RECORDS], done[ROOM_MESSAGES], done[DELIVERIES])

    def redis(done: Mapping[str, float]) -> float:
        return costs.redis_cores(c, done[PODS], done[EVENTS], done[COPIES])

    def bytes_in(done: Mapping[str, float]) -> float:
        return costs.redis_bytes_in(c, done[PODS], done[EVENTS])

    def bytes_out(done: Mapping[str, float]) -> float:
        return costs.redis_bytes_out(c, done[PODS], done[EVENTS], done[COPIES])

    kinds: list[tuple[str, str, list[Point], Callable[[Mapping[str, float]], float]]] = [
        ("a pod", "cores", fit.pod_points(steps), pod),
        ("Redis", "cores", fit.redis_points(steps), redis),
        ("Redis receives", "bytes/s", fit.redis_bytes_points(steps, "bytes_in"), bytes_in),
        ("Redis sends", "bytes/s", fit.redis_bytes_points(steps, "bytes_out"), bytes_out),
    ]
    checked = []
    for what, unit, points, model in kinds:
        for (pods, phase), alike in groupby(points, key=lambda point: (point.pods, point.phase)):
            of_it = list(alike)
            measured = fmean(point.measured for point in of_it)
            modelled = fmean(model(point.done) for point in of_it)
            checked.append(Checked(what, unit, phase, pods, measured, modelled, pods == largest))
    return checked


def judged(checked: Sequence[Checked]) -> list[Checked]:
    """Those that the bound holds for: an idle pod or Redis spends too little to be known so well."""
    return [one for one in checked if one.phase != "idle"]
