"""A dashboard's questions, as Grafana would put them to a Prometheus, and the answers."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

# Grafana takes four scrapes, of the interval that its datasource names: grafana/provisioning.
RATE_INTERVAL_SECONDS: Final = 40
POINTS: Final = 200


@dataclass(frozen=True)
class Series:
    """One line: what its legend says, and a value for each of `Answers.times`, NaN where there is none."""

    legend: str
    ref: str
    values: Sequence[float]

    @property
    def last(self) -> float:
        """Its newest value that there is; NaN when there is none."""
        return next((value for value in reversed(self.values) if not math.isnan(value)), math.nan)


@dataclass(frozen=True)
class Answers:
    """What Prometheus said: by the id of the panel, and by the annotation's name the times that it marks."""

    times: Sequence[float]
    panels: Mapping[int, Sequence[Series]]
    marks: Mapping[str, Sequence[float]]


def written_out(promql: str, dashboard: Mapping[str, Any], range_seconds: float, rate_seconds: float) -> str:
    """Put in what Grafana puts in, with everything chosen: a query that Prometheus takes."""
    values = {
        "__rate_interval": _duration(rate_seconds),
        "__range": _duration(range_seconds),
    }
    for variable in dashboard["templating"]["list"]:
        chosen = variable.get("allValue") or variable.get("query")
        if isinstance(chosen, str):
            values[variable["name"]] = chosen
    for name in sorted(values, key=len, reverse=True):
        promql = promql.replace(f"${name}", values[name])
    return promql


def ask(
    prometheus: str,
    dashboard: Mapping[str, Any],
    start: float,
    end: float,
    rate_seconds: float = RATE_INTERVAL_SECONDS,
) -> Answers:
    """Ask all that a dashboard asks, with everything chosen, of the time from `start` to `end` (seconds since 1970)."""
    step = max((end - start) / POINTS, 0.1)
    times = [start + step * n for n in range(math.floor((end - start) / step) + 1)]
    with httpx.Client(base_url=prometheus, timeout=30, trust_env=False) as client:

        def answer(promql: str, legend: str, ref: str) -> list[Series]:
            query = written_out(promql, dashboard, end - start, rate_seconds)
            data = {
                "query": query,
                "start": f"{start:.3f}",
                "end": f"{times[-1] + step / 2:.3f}",
                "step": f"{step:.3f}",
            }
            said = client.post("/api/v1/query_range", data=data).json()
            if said["status"] != "success":
                raise ValueError(f"{said['error']}: {query}")
            return [_series(each, times, step, legend, ref) for each in said["data"]["result"]]

        panels = {
            panel["id"]: [
                series
                for target in panel.get("targets", ())
                for series in answer(target["expr"], target.get("legendFormat", ""), target["refId"])
            ]
            for panel in dashboard["panels"]
        }
        marks = {
            mark["name"]: sorted(
                time
                for series in (answer(mark["expr"], "", "") if "expr" in mark else ())
                for time in _beginnings(series.values, times)
            )
            for mark in dashboard["annotations"]["list"]
        }
    return Answers(times, panels, marks)


def _series(answer: Mapping[str, Any], times: Sequence[float], step: float, legend: str, ref: str) -> Series:
    values = [math.nan] * len(times)
    for at, value in answer["values"]:
        place = round((float(at) - times[0]) / step)
        if place < len(values):
            values[place] = float(value)
    labels = answer["metric"]
    said = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    return Series(said, ref, values)


def _beginnings(values: Sequence[float], times: Sequence[float]) -> list[float]:
    """When there began to be values, each time."""
    before = [math.nan, *values]
    return [
        time
        for time, value, last in zip(times, values, before, strict=False)
        if not math.isnan(value) and math.isnan(last)
    ]


def _duration(seconds: float) -> str:
    return f"{math.ceil(seconds)}s"
