"""The whole tool on real parts, for half a minute."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from soak import crowd
from soak.report import sentences, write_results
from soak.run import PODS, Plan, soak
from tool.kept import Header


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
    assert account.sent == account.heard > 100
    assert account.returns > 0
    assert account.gone_for_good > 0
    pods = [f"pod-{number}" for number in range(PODS)]
    assert [list(by_whose) for by_whose in soaked.series.values()] == [pods, pods, pods, pods, ["Redis"], ["Redis"]]
    assert len(soaked.trends) == 4 * PODS + 2
    assert all(points for by_whose in soaked.series.values() for points in by_whose.values())
    results = write_results(tmp_path, Header(datetime.now(UTC), "0000000", "make soak", 1.0, {}, {}), soaked)
    assert {path.name for path in results.iterdir()} == {"results.json", "results.md", "soak.png"}
    assert "40 events a second: as told" in sentences(soaked)[1]
