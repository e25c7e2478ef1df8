"""One fault under load, watched: a scenario of `chaos`, with a Prometheus and an Alertmanager beside it."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from chaos.crowd import Crowd
from chaos.faults import Fault
from chaos.scenario import Outcome, Plan, Progress, run
from chaos.stage import Stage
from drill.alerts import AlertWatch
from drill.calm import Points, Told, told
from drill.expectations import Expectations
from drill.faults import FAULTS, HOLD_SECONDS
from drill.monitoring import Monitoring
from drill.panels import Panel, load_panels
from drill.verdict import is_waiting, patience_seconds, silent
from parts.apache_kafka import ApacheKafka

LOOK_SECONDS: Final = 0.5
STEP_SECONDS: Final = 2.0
# At the beginning of the calm the crowd has just come: rates still climb.
SETTLING_SECONDS: Final = 20.0
# Alertmanager tells what has changed in a group of pages once a minute.
NOTIFICATION_SECONDS: Final = 75.0
# As many as two cores carry together with Kafka, Redis, three pods and a Prometheus.
PLAN: Final = Plan(100, events=1_000, events_per_second=40, calm_seconds=80, after_seconds=15, hold_seconds=0)


@dataclass
class Rehearsal:
    """What came of one drill. Times are seconds from the fault's beginning."""

    fault: str
    expected: Expectations
    watch: AlertWatch = field(default_factory=AlertWatch)
    panels: dict[str, Told | None] = field(default_factory=dict)
    outcome: Outcome | None = None
    mended: float = 0.0
    watched_until: float = 0.0
    ended: list[str] = field(default_factory=list)  # pods that nobody has ended
    problems: list[str] = field(default_factory=list)

    @property
    def is_passed(self) -> bool:
        """Whether everybody who must tell has told, in time, and nothing was lost."""
        return not self.problems


Say = Callable[[str], None]


async def rehearse(
    name: str,
    expected: Expectations,
    kafka: ApacheKafka,
    directory: Path,
    progress: Progress,
    say: Say,
    *,
    plan: Plan = PLAN,
    hold_seconds: float | None = None,
    rules: Path,
    routes: Path,
    dashboards: Path,
    notification_seconds: float = NOTIFICATION_SECONDS,
    seed: int = 0,
) -> Rehearsal:
    """Carry out one drill, and judge it. `say` is told each change of an alert when it comes."""
    rehearsal = Rehearsal(name, expected)
    fault = FAULTS[name](HOLD_SECONDS[name] if hold_seconds is None else hold_seconds)
    watched = _Watched(
        fault,
        rehearsal,
        plan.calm_seconds,
        load_panels(dashboards, Monitoring.scrape_seconds),
        say,
        notification_seconds,
    )

    def make_stage(directory: Path, kafka: ApacheKafka, chance: random.Random) -> Stage:
        return _MonitoredStage(directory, kafka, chance, rules, routes)

    rehearsal.outcome = await run(watched, plan, kafka, directory, progress, seed=seed, stage_type=make_stage)
    rehearsal.problems = judge(rehearsal)
    return rehearsal


def judge(rehearsal: Rehearsal) -> list[str]:
    """Say what was silent, what did not end, what was lost, and what could not be carried out."""
    outcome = rehearsal.outcome
    assert outcome is not None
    if not rehearsal.watched_until:
        return [*outcome.problems, "it was not carried out"]
    problems = silent(rehearsal.expected, rehearsal.watch, rehearsal.panels, rehearsal.mended)
    problems += rehearsal.ended + outcome.problems
    return problems + [str(violation) for violation in outcome.verdict.violations]


class _MonitoredStage(Stage):
    """The stage, with who watches it."""

    def __init__(self, directory: Path, kafka: ApacheKafka, chance: random.Random, rules: Path, routes: Path) -> None:
        super().__init__(directory, kafka, chance)
        self.monitoring = Monitoring(directory, rules, routes)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """See `Stage.running`."""
        async with super().running(), self.monitoring.running(self.pods):
            yield


class _Watched(Fault):
    """A fault, and what is told of it, from its beginning until all has come and gone."""

    def __init__(
        self,
        fault: Fault,
        rehearsal: Rehearsal,
        calm_seconds: float,
        panels: Sequence[Panel],
        say: Say,
        notification_seconds: float,
    ) -> None:
        super().__init__(fault.hold_seconds)
        self.name, self.promise, self.terms = fault.name, fault.promise, fault.terms  # type: ignore[misc]
        self._fault = fault
        self._rehearsal = rehearsal
        self._calm_seconds = calm_seconds
        self._panels = panels
        self._say = say
        self._notification_seconds = notification_seconds
        self._struck_at = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def plot(self, stage: Stage) -> None:
        """See `Fault.plot`."""
        await self._fault.plot(stage)

    async def strike(self, stage: Any, crowd: Crowd) -> None:
        """See `Fault.strike`."""
        held = await stage.monitoring.held()
        stage.monitoring.new_notifications()  # of what was before
        self._rehearsal.watch.see(0.0, held)
        self._struck_at = time.time()
        before = ", ".join(f"{name} is {state}" for name, state in sorted(set(held))) or "no alert"
        self._say(f"{self.name} begins; before it: {before}")
        self._watching = asyncio.create_task(self._watch(stage.monitoring))
        await self._fault.strike(stage, crowd)
        self._rehearsal.mended = self._seconds()
        self._say(f"{self._rehearsal.mended:6.1f} s  {self.name} is over")

    async def mend(self, stage: Any) -> None:
        """Wait until what must come has come, and what must go has gone; the load goes on meanwhile."""
        await self._fault.mend(stage)
        expected = self._rehearsal.expected
        until = patience_seconds(expected, self.hold_seconds, self._notification_seconds)
        watching = self._watching
        assert watching is not None
        try:
            while self._seconds() < until and is_waiting(expected, self._rehearsal.watch) and not watching.done():
                await asyncio.sleep(LOOK_SECONDS)
            assert not watching.done(), f"nobody watches any more: {watching.exception()!r}"
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        self._rehearsal.watched_until = self._seconds()
        self._rehearsal.ended = [
            f"{pod.name} has ended:\n{pod.log_tail(5)}" for pod in stage.pods if not pod.is_running
        ]
        self._say("asking the dashboards")
        for panel in self._panels:
            series = await self._ask(stage.monitoring, panel)
            self._rehearsal.panels[panel.name] = told(series, panel.thresholds, self._rehearsal.watched_until)

    async def _watch(self, monitoring: Monitoring) -> None:
        watch = self._rehearsal.watch
        while True:
            # Prometheus may take its time on a busy machine; what is missed now is seen next time.
            with contextlib.suppress(httpx.HTTPError):
                held = await monitoring.held()
                for name, state in watch.see(self._seconds(), held):
                    self._say(f"{self._seconds():6.1f} s  {name} is {state or 'gone'}")
            for received_at, receiver, name, status in monitoring.new_notifications():
                if watch.notified(received_at - self._struck_at, name, status):
                    self._say(f"{received_at - self._struck_at:6.1f} s  {receiver} are told: {name} is {status}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _ask(self, monitoring: Monitoring, panel: Panel) -> Mapping[str, Points]:
        begin = self._struck_at - self._calm_seconds + SETTLING_SECONDS
        end = self._struck_at + self._rehearsal.watched_until
        series: dict[str, Points] = {}
        for number, query in enumerate(panel.queries):
            for one in await monitoring.prometheus.query_range(query, begin, end, STEP_SECONDS):
                points = [(at - self._struck_at, value) for at, value in one.points]
                series[f"{number} {sorted(one.labels.items())}"] = points
        return series

    def _seconds(self) -> float:
        return time.time() - self._struck_at
