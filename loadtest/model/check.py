"""The model beside what was measured: each phase of each number of pods, the largest of which it was not fitted to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from model import costs, fit
from model.constants import Constants
from model.fit import COPIES, DELIVERIES, EVENTS, PODS, READINGS, RECORDS, ROOM_MESSAGES, Point
from model.sources import Sources
from scale.figures import BURST

# What is promised of each quantity: the error in the mean over all its phases and numbers of pods, idle ones included.
MEAN_ERROR_MAX: Final = 0.25


@dataclass(frozen=True, slots=True)
class Checked:
    """One measured point, the mean of its repetitions (and of pods), and what the model says of it.

    `is_held_out`: the model was not fitted to it.
    """

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
    """Compare all points."""
    steps = sources.scale.steps
    largest = max(step.pods for step in steps)

    def pod(point: Point) -> float:
        return costs.pod_cores(c, point.done[RECORDS], point.done[ROOM_MESSAGES], point.done[DELIVERIES])

    def redis(point: Point) -> float:
        return costs.redis_cores(c, point.done[PODS], point.done[EVENTS], point.per_partition, point.done[COPIES])

    def bytes_in(point: Point) -> float:
        return costs.redis_bytes_in(c, point.done[PODS], point.done[EVENTS])

    def bytes_out(point: Point) -> float:
        sent = costs.redis_bytes_out(c, point.done[PODS], point.done[EVENTS], point.done[COPIES])
        return sent + point.done[READINGS] * c.redis_reading_out_bytes

    kinds: list[tuple[str, str, list[Point], Callable[[Point], float]]] = [
        ("a pod", "cores", fit.pod_points(steps), pod),
        ("Redis", "cores", fit.redis_points(steps), redis),
        ("Redis receives", "bytes/s", fit.redis_bytes_in_points(steps), bytes_in),
        ("Redis sends", "bytes/s", fit.redis_bytes_out_points(steps), bytes_out),
    ]
    checked = []
    for what, unit, points, model in kinds:
        for pods in sorted({point.pods for point in points}):
            for phase in dict.fromkeys(point.phase for point in points):
                alike = [point for point in points if (point.pods, point.phase) == (pods, phase)]
                if alike:
                    measured, modelled = fmean(point.measured for point in alike), fmean(map(model, alike))
                    is_held_out = pods == largest or (phase == BURST and pods != sources.burst_pods)
                    checked.append(Checked(what, unit, phase, pods, measured, modelled, is_held_out))
    return checked


def errors(checked: Sequence[Checked], *, held_out: bool) -> tuple[float, float]:
    """The mean and the largest error of these, without their signs."""
    found = [abs(one.error) for one in checked if one.is_held_out == held_out]
    return fmean(found), max(found)
