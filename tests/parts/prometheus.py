"""A real Prometheus on loopback: Debian's `prometheus`, over targets and rules that a test gives and changes."""

import json
import math
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx

from parts.child import Child
from parts.http import get
from parts.needs import need
from parts.pod import Pod
from parts.ports import free_port
from parts.waiting import eventually

JOB = "realtime"
CLUSTER = "test"
NAMESPACE = "shop"


@dataclass(frozen=True)
class Target:
    """One thing to scrape: its address as `host:port`, and the labels that all its series get."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    job: str = JOB
    path: str = "/metrics"

    @classmethod
    def of(cls, pod: Pod, *, cluster: str = CLUSTER, namespace: str = NAMESPACE) -> Self:
        """A pod, with the labels that the scrape configuration of a Kubernetes cluster gives it."""
        return cls(f"127.0.0.1:{pod.port}", {"cluster": cluster, "namespace": namespace, "pod": pod.name})


@dataclass(frozen=True)
class Sample:
    """One value now, which may be NaN or infinite. `labels` has the metric's name, if any, as `__name__`."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Series:
    """Values over time: (seconds since 1970, value)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Alert:
    """One alert as Prometheus holds it: `pending`, or `firing`. What is neither is not held."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    active_since: str
    value: float


class QueryRefused(Exception):
    """Prometheus does not take the query, and says why."""


class Prometheus(Child):
    """One Prometheus. Started again, it has its data and goes on; `watch` and `reload` change what it does while it runs.

    Targets are first scraped up to five seconds after a start or a change of them: `has_scraped` waits for that.
    """

    part = "Prometheus"

    def __init__(
        self,
        directory: Path,
        targets: Sequence[Target | Pod] = (),
        *,
        rule_files: Sequence[Path] = (),
        scrape_interval_seconds: float = 1.0,
        evaluation_interval_seconds: float = 1.0,
        alertmanagers: Sequence[str] = (),
        lookback_seconds: float = 300.0,
    ) -> None:
        """`alertmanagers` are `host:port`; a series without a sample for `lookback_seconds` is gone from queries."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.targets = list(targets)
        self.rule_files = list(rule_files)
        self.scrape_interval_seconds = scrape_interval_seconds
        self.evaluation_interval_seconds = evaluation_interval_seconds
        self.alertmanagers = list(alertmanagers)
        self._configuration = directory / "prometheus.json"
        command = [
            need("prometheus"),
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--query.lookback-delta={_duration(lookback_seconds)}",
            "--web.enable-lifecycle",
            # It passes on which targets there are every five seconds, and else would take another five to begin.
            "--scrape.discovery-reload-interval=100ms",
            "--enable-feature=exemplar-storage",
        ]
        super().__init__(prometheus_name(), command, directory)

    async def start(self) -> None:
        self._write_configuration()
        await super().start()

    async def is_ready(self) -> bool:
        response = await get(f"{self.url}/-/ready")
        return response is not None and response.status_code == 200

    async def watch(self, *targets: Target | Pod) -> None:
        """Scrape these from now on, and no others; wait until each has been scraped."""
        self.targets = list(targets)
        await self.reload()
        await self.has_scraped()

    async def reload(self) -> None:
        """Take the rule files, targets and intervals as they are now. What is wrong with them is raised."""
        self._write_configuration()
        async with _client() as client:
            response = await client.post(f"{self.url}/-/reload")
        if response.status_code != 200:
            raise QueryRefused(f"{response.text.strip()}\n{self.log_tail(5)}")

    async def has_scraped(self, timeout_seconds: float = 20) -> None:
        """Wait until each target has been scraped with success since this was called."""
        since = time.time()
        wanted = {(target.job, target.address, *sorted(target.labels.items())) for target in self._all_targets()}

        async def all_up() -> bool:
            active = await self._active_targets()
            # Those of before a reload are there until it has taken effect.
            are_wanted = {_identity(target) for target in active} == wanted
            return are_wanted and all(each["health"] == "up" and _scraped_at(each) > since for each in active)

        await eventually(all_up, timeout_seconds, f"Prometheus has scraped all {len(self.targets)} targets")

    async def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """Ask for values now, or at a time in seconds since 1970. Raises `QueryRefused`."""
        answer = await self._ask("query", {"query": promql, **({} if at is None else {"time": str(at)})})
        if answer["resultType"] == "scalar":
            return [Sample({}, float(answer["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in answer["result"]]

    async def value(self, promql: str) -> float | None:
        """Ask for the one value that there is; None when there is none."""
        samples = await self.query(promql)
        assert len(samples) <= 1, f"{promql} gives {len(samples)} series"
        return samples[0].value if samples else None

    async def query_range(self, promql: str, start: float, end: float, step_seconds: float) -> list[Series]:
        """Ask for values from `start` to `end` (seconds since 1970), one each step. Raises `QueryRefused`."""
        answer = await self._ask(
            "query_range", {"query": promql, "start": str(start), "end": str(end), "step": str(step_seconds)}
        )
        return [
            Series(each["metric"], [(float(at), float(value)) for at, value in each["values"]])
            for each in answer["result"]
        ]

    async def exemplars(self, promql: str, start: float, end: float) -> list[dict[str, Any]]:
        """Ask for the exemplars of the series in a query, each with its `labels`, `value` and `timestamp`."""
        series = await self._ask("query_exemplars", {"query": promql, "start": str(start), "end": str(end)})
        return [exemplar for each in series for exemplar in each["exemplars"]]

    async def alerts(self) -> list[Alert]:
        """Return all alerts that are pending or firing."""
        return [
            Alert(
                name=each["labels"]["alertname"],
                state=each["state"],
                labels=each["labels"],
                annotations=each["annotations"],
                active_since=each["activeAt"],
                value=float(each["value"]),
            )
            for each in (await self._ask("alerts", {}))["alerts"]
        ]

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {alert.name for alert in await self.alerts() if alert.state == "firing"}

    async def _active_targets(self) -> list[dict[str, Any]]:
        answer: dict[str, Any] = await self._ask("targets", {"state": "active"})
        active: list[dict[str, Any]] = answer["activeTargets"]
        return active

    async def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        async with _client() as client:
            url = f"{self.url}/api/v1/{what}"
            # A long query does not fit into a URL; what is no query takes no POST.
            response = await (
                client.post(url, data=dict(parameters))
                if "query" in parameters
                else client.get(url, params=dict(parameters))
            )
        answer = response.json()
        if answer["status"] != "success":
            raise QueryRefused(f"{answer['error']}: {parameters.get('query')}")
        return answer["data"]

    def _all_targets(self) -> list[Target]:
        return [Target.of(each) if isinstance(each, Pod) else each for each in self.targets]

    def _write_configuration(self) -> None:
        jobs: dict[tuple[str, str], list[Target]] = {}
        for target in self._all_targets():
            jobs.setdefault((target.job, target.path), []).append(target)
        scrape = _duration(self.scrape_interval_seconds)
        configuration = {
            "global": {
                "scrape_interval": scrape,
                "scrape_timeout": scrape,
                "evaluation_interval": _duration(self.evaluation_interval_seconds),
            },
            "rule_files": [str(path.resolve()) for path in self.rule_files],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": self.alertmanagers}]}]},
            "scrape_configs": [
                {
                    "job_name": job,
                    "metrics_path": path,
                    "static_configs": [{"targets": [each.address], "labels": dict(each.labels)} for each in those],
                }
                for (job, path), those in jobs.items()
            ],
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        # JSON is YAML, too.
        self._configuration.write_text(json.dumps(configuration, indent=2))


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, verify=False, timeout=20.0)


def _duration(seconds: float) -> str:
    return f"{math.ceil(seconds * 1_000)}ms"


def _identity(target: Mapping[str, Any]) -> tuple[Any, ...]:
    labels = dict(target["labels"])
    return (labels.pop("job"), labels.pop("instance"), *sorted(labels.items()))


def _scraped_at(target: Mapping[str, Any]) -> float:
    """Read RFC 3339 with nanoseconds, which Python does not; zero (the year 1) when it was never scraped."""
    said = re.fullmatch(r"(\d{4})(-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", target["lastScrape"])
    assert said, target["lastScrape"]
    year, rest, fraction, zone = said.groups()
    if int(year) < 1970:
        return 0.0
    whole = datetime.fromisoformat(f"{year}{rest}{zone.replace('Z', '+00:00')}").timestamp()
    return whole + float(fraction or 0)


@cache
def prometheus_name() -> str:
    """Return what the program calls itself, such as `prometheus, version 2.42.0+ds`."""
    said = subprocess.run([need("prometheus"), "--version"], capture_output=True, text=True, check=True)
    return " ".join((said.stdout or said.stderr).split()[:3])
