"""What a run must keep to: a file says, for each of Locust's entries, what is the most, or the least."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from swarm.timeline import Judged
from swarm.tokens import BadSettings


class Entry(Protocol):
    """What Locust counts of one thing."""

    num_requests: int
    num_failures: int

    def get_response_time_percentile(self, percent: float) -> float | None: ...


PERCENTILES = {"p50_ms_max": 0.5, "p95_ms_max": 0.95, "p99_ms_max": 0.99, "p999_ms_max": 0.999}
LIMITS = {*PERCENTILES, "failed_part_max", "failures_max", "count_min"}


def load(path: Path) -> dict[str, dict[str, float]]:
    """Read a file of thresholds. Raises `BadSettings`."""
    try:
        read = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"--thresholds {path}: {error}") from None
    for name, limits in read.items():
        if not isinstance(limits, dict):
            raise BadSettings(f"--thresholds {path}: {name} must be a table, such as [{name}]")
        for limit, value in limits.items():
            if limit not in LIMITS or isinstance(value, bool) or not isinstance(value, int | float):
                raise BadSettings(
                    f"--thresholds {path}: [{name}] {limit} = {value!r}: there is {', '.join(sorted(LIMITS))}"
                )
    return read


def judge(thresholds: Mapping[str, Mapping[str, float]], entries: Mapping[str, Entry]) -> list[Judged]:
    """Compare all with what was measured. What never happened has taken no time, and 0 of it have failed."""
    return [
        Judged(name, limit, allowed, measured, measured >= allowed if limit == "count_min" else measured <= allowed)
        for name, limits in thresholds.items()
        for limit, allowed in limits.items()
        for measured in [_measure(limit, entries.get(name))]
    ]


def _measure(limit: str, entry: Any) -> float:
    if entry is None:
        return 0
    if limit == "count_min":
        return float(entry.num_requests - entry.num_failures)
    if limit == "failures_max":
        return float(entry.num_failures)
    if limit == "failed_part_max":
        return float(entry.num_failures / entry.num_requests) if entry.num_requests else 0.0
    measured = entry.get_response_time_percentile(PERCENTILES[limit])
    return math.inf if measured is None else float(measured)
