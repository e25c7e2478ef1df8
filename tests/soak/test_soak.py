"""The whole tool on real parts, for half a minute."""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parts.pod import Pod
from soak import crowd
from soak.report import sentences, write_results
from soak.run import ALL_PODS, PODS, TOGETHER, Plan, soak
from tool.kept import Header

HEADER = Header(datetime.now(UTC), "0000000", "make soak", 1.0, {}, {})


async def test_clients_come_and_go_and_every_event_is_heard_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "KINDS", dict.fromkeys(crowd.KINDS, 1))
    said: list[str] = []
    # Each client goes every few seconds.
    plan = Plan(minutes=0.2, clients=30, churn=8, per_second=40)

    soaked = await soak(plan, tmp_path, said.append, lambda _, what: said.append(what))

    account = soaked.account
    assert account.is_good, account
    assert account.verdict.delivered > 100
    assert account.returns > 0
    assert account.gone_for_good > 0
    assert not soaked.broke
    pods = [f"pod-{number}" for number in range(PODS)]
    with_all = [*pods, ALL_PODS]
    assert [list(by_whose) for by_whose in soaked.series.values()] == [
        pods,
        with_all,
        with_all,
        with_all,
        ["Redis"],
        ["Redis"],
    ]
    assert len(soaked.trends) == PODS + len(TOGETHER) + 2
    assert all(points for by_whose in soaked.series.values() for points in by_whose.values())
    results = write_results(tmp_path, HEADER, soaked)
    assert {path.name for path in results.iterdir()} == {"results.json", "results.md", "soak.png"}
    assert "40 events a second: as told" in sentences(soaked)[1]


async def test_what_is_known_when_a_pod_ends_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pods: list[Pod] = []
    make = Pod.__init__

    def remember(pod: Pod, *arguments: Any, **more: Any) -> None:
        make(pod, *arguments, **more)
        pods.append(pod)

    monkeypatch.setattr(Pod, "__init__", remember)

    def tell(seconds: float, _: str) -> None:
        if seconds > 2:
            pods[0].signal(signal.SIGKILL)

    soaked = await soak(Plan(minutes=5, clients=6, churn=0, per_second=20), tmp_path, lambda _: None, tell)

    assert soaked.broke.startswith("pod-0 ended with -9")
    assert not soaked.is_good
    assert soaked.account.verdict.delivered > 0
    assert 2 < soaked.seconds < 60
    results = write_results(tmp_path, HEADER, soaked)
    assert "ENDED BEFORE ITS TIME: pod-0 ended" in (results / "results.md").read_text()
    assert json.loads((results / "results.json").read_text())["broke"] == soaked.broke
