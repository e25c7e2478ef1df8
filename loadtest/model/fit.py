"""Least squares over what was measured: how much each thing costs that was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

US_PER_SECOND: Final = 1_000_000
# What every pod does each second, whether or not there is anything to do.
ALWAYS, PODS = "always", "pods"
RECORDS, ROOM_MESSAGES, DELIVERIES, EVENTS, COPIES = "records", "room messages", "deliveries", "events", "copies"


@dataclass(frozen=True, slots=True)
class Point:
    """Something measured: in which phase of which number of pods, how much, and what was done (each a second)."""

    pods: int
    phase: str
    measured: float
    done: Mapping[str, float]


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


def predict(costs: Mapping[str, float], done: Mapping[str, float]) -> float:
    """What was done, at what it costs."""
    return sum(cost * done[name] for name, cost in costs.items())


def pod_points(steps: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Cores of each pod in each phase."""
    points = []
    for step in steps:
        for phase, told in _fitted(step):
            reading = told["reading"]
            seconds = reading["seconds"]
            for name, spent in reading["spent"]["pods"].items():
                counts = reading["pods"][name]
                done = {
                    ALWAYS: 1.0,
                    RECORDS: counts["records"] / seconds,
                    ROOM_MESSAGES: counts["room_messages"] / seconds,
                    DELIVERIES: counts["deliveries"] / seconds,
                }
                points.append(Point(step["pods"], phase, spent / seconds, done))
    return points


def redis_points(steps: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Cores of Redis in each phase. A copy is a room's message to one pod that hears it."""
    return [
        Point(pods, phase, told["reading"]["spent"]["redis"] / told["reading"]["seconds"], {ALWAYS: 1.0, **done})
        for pods, phase, told, done in _of_redis(steps)
    ]


def redis_bytes_points(steps: Sequence[Mapping[str, Any]], way: str) -> list[Point]:
    """Bytes a second that Redis received (`bytes_in`) or sent (`bytes_out`) in each phase."""
    return [
        Point(pods, phase, told["reading"]["redis"][way] / told["reading"]["seconds"], done)
        for pods, phase, told, done in _of_redis(steps)
    ]


def _of_redis(steps: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, Mapping[str, Any], dict[str, float]]]:
    found = []
    for step in steps:
        for phase, told in _fitted(step):
            reading = told["reading"]
            copies = sum(counts["room_messages"] for counts in reading["pods"].values())
            done = {
                PODS: float(step["pods"]),
                EVENTS: told["events"] / reading["seconds"],
                COPIES: copies / reading["seconds"],
            }
            found.append((step["pods"], phase, told, done))
    return found


def _fitted(step: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """All phases but that in which what comes together is cheaper: costs here are of what comes alone."""
    return [(phase, told) for phase, told in step["phases"].items() if phase != "burst"]
