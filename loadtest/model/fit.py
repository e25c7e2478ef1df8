"""Least squares over what was measured: how much each thing costs that was done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scale.figures import BURST, IDLE, STOCK
from scale.outcome import Phase, Step

# What every pod does each second, whether or not there is anything to do.
ALWAYS, PODS = "always", "pods"
RECORDS, ROOM_MESSAGES, DELIVERIES, EVENTS, COPIES = "records", "room messages", "deliveries", "events", "copies"
# Asking Redis for its counters, once in each phase, which is no pod's doing.
READINGS: Final = "readings"


@dataclass(frozen=True, slots=True)
class Point:
    """Something measured: in which phase of which number of pods, how much, and what was done (each a second).

    `per_partition` are the records a second of each partition that had any: as many come together.
    """

    pods: int
    phase: str
    measured: float
    done: Mapping[str, float]
    per_partition: float = 0.0


def fit(points: Sequence[Point], known: Mapping[str, float] | None = None) -> dict[str, float]:
    """What each thing that was done costs, none less than nothing, so that relative errors are least.

    What is `known` from elsewhere costs that.
    """
    known = dict(known or {})
    names = [name for name in points[0].done if name not in known]
    rest = np.array([1 - predict(known, point.done) / point.measured for point in points])
    while names:
        done = np.array([[point.done[name] / point.measured for name in names] for point in points])
        costs, *_ = np.linalg.lstsq(done, rest, rcond=None)
        if costs.min() >= 0:
            return dict.fromkeys(points[0].done, 0.0) | known | dict(zip(names, map(float, costs), strict=True))
        # Nothing earns money; what seems to is noise of the others.
        del names[int(costs.argmin())]
    raise ValueError("nothing can be fitted to these points")


def fit_from_rest(points: Sequence[Point], known: Mapping[str, float] | None = None) -> dict[str, float]:
    """The same in two steps: what is done in idleness is fitted to idle phases alone, and known then.

    What little it costs would otherwise take up the errors of what costs a hundred times as much.
    """
    idle = [point for point in points if point.phase == IDLE]
    at_rest = fit([_only(point, [name for name, done in point.done.items() if done]) for point in idle])
    # Where there is work, burst apart: what comes together is cheaper, and costs here are of what comes alone.
    at_work = [point for point in points if point.phase not in (IDLE, BURST)]
    return fit(at_work, at_rest | dict(known or {}))


def _only(point: Point, names: Sequence[str]) -> Point:
    return Point(point.pods, point.phase, point.measured, {name: point.done[name] for name in names})


def predict(costs: Mapping[str, float], done: Mapping[str, float]) -> float:
    """What was done, at what it costs."""
    return sum(cost * done[name] for name, cost in costs.items())


def pod_points(steps: Sequence[Step]) -> list[Point]:
    """Cores of each pod in each phase."""
    points = []
    for step in steps:
        for name, phase in step.phases.items():
            reading = phase.reading
            for pod, spent in reading.spent.pods.items():
                counts = reading.pods[pod]
                done = {
                    ALWAYS: 1.0,
                    RECORDS: counts.records / reading.seconds,
                    ROOM_MESSAGES: counts.room_messages / reading.seconds,
                    DELIVERIES: counts.deliveries / reading.seconds,
                }
                points.append(Point(step.pods, name, spent / reading.seconds, done))
    return points


def redis_points(steps: Sequence[Step]) -> list[Point]:
    """Cores of Redis in each phase. A copy is a room's message to one pod that hears it."""
    return [
        Point(step.pods, name, phase.reading.spent.redis / phase.reading.seconds, {ALWAYS: 1.0, **done}, per_partition)
        for step, name, phase, done, per_partition in _of_redis(steps)
    ]


def redis_bytes_in_points(steps: Sequence[Step]) -> list[Point]:
    """Bytes a second that Redis received in each phase."""
    return [
        Point(step.pods, name, phase.reading.redis.bytes_in / phase.reading.seconds, done)
        for step, name, phase, done, _ in _of_redis(steps)
    ]


def redis_bytes_out_points(steps: Sequence[Step]) -> list[Point]:
    """… and that it sent: its counters, too, when it was asked for them."""
    return [
        Point(
            step.pods,
            name,
            phase.reading.redis.bytes_out / phase.reading.seconds,
            {READINGS: 1 / phase.reading.seconds, **done},
        )
        for step, name, phase, done, _ in _of_redis(steps)
    ]


def _of_redis(steps: Sequence[Step]) -> Iterator[tuple[Step, str, Phase, dict[str, float], float]]:
    for step in steps:
        for name, phase in step.phases.items():
            reading = phase.reading
            copies = sum(counts.room_messages for counts in reading.pods.values())
            events = phase.events / reading.seconds
            done = {PODS: float(step.pods), EVENTS: events, COPIES: copies / reading.seconds}
            # Stock has one partition.
            yield step, name, phase, done, events / (1 if name == STOCK else step.partitions)
