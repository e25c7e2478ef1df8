"""That the Prometheus which other tests stand on scrapes, asks, alerts, and is changed and restarted as they take for granted."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from parts.ports import free_port
from parts.prometheus import Prometheus, QueryRefused, Target
from parts.waiting import eventually

RULES = """\
groups:
  - name: test
    rules:
      - alert: TooMany
        expr: things > 5
        labels: {severity: page}
        annotations: {summary: "{{ $value }} things on {{ $labels.pod }}"}
"""


class Things:
    """A target that has as many things as a test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.count = 1.0

    def target(self, pod: str) -> Target:
        return Target(f"127.0.0.1:{self.port}", {"cluster": "east", "namespace": "shop", "pod": pod})

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=f"# TYPE things gauge\nthings {self.count}\n")


@pytest.fixture
async def things() -> AsyncIterator[Things]:
    things = Things()
    application = web.Application()
    application.router.add_get("/metrics", things.metrics)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", things.port).start()
    yield things
    await runner.cleanup()


async def test_it_scrapes_answers_alerts_and_keeps_its_data(things: Things, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    began = time.time()
    prometheus = Prometheus(
        tmp_path / "prometheus",
        [things.target("pod-0")],
        rule_files=[rules],
        scrape_interval_seconds=0.2,
        evaluation_interval_seconds=0.2,
    )
    try:
        await prometheus.start()
        await prometheus.has_scraped()
        (sample,) = await prometheus.query("things")
        assert sample.labels == {
            "__name__": "things",
            "cluster": "east",
            "namespace": "shop",
            "pod": "pod-0",
            "job": "realtime",
            "instance": f"127.0.0.1:{things.port}",
        }
        assert (sample.value, await prometheus.value("things * 2"), await prometheus.value("nothing")) == (1, 2, None)
        assert (await prometheus.query("1 / 0"))[0].value == float("inf")
        with pytest.raises(QueryRefused, match="parse error"):
            await prometheus.query("sum(things")
        assert await prometheus.alerts() == []

        things.count = 7
        alert = (await eventually(prometheus.alerts, 10, "there is an alert"))[0]
        assert (alert.name, alert.state, alert.labels["pod"]) == ("TooMany", "firing", "pod-0")
        assert (alert.annotations["summary"], alert.value) == ("7 things on pod-0", 7)
        assert await prometheus.firing() == {"TooMany"}

        rules.write_text(RULES.replace("> 5", "> 50"))
        await prometheus.watch(things.target("pod-1"))
        (sample,) = await prometheus.query('things{pod="pod-1"}')
        assert sample.value == 7

        async def is_silent() -> bool:
            return not await prometheus.alerts()

        await eventually(is_silent, 10, "the alert is gone with the new rule")

        rules.write_text("groups: nonsense")
        with pytest.raises(QueryRefused, match="rules"):
            await prometheus.reload()

        rules.write_text(RULES)
        await prometheus.kill()
        await prometheus.start()
        (series,) = await prometheus.query_range('things{pod="pod-0"}', began, time.time(), 0.1)
        assert {value for _, value in series.points} == {1, 7}
    finally:
        await prometheus.kill()
