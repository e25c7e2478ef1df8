"""A short drill on real parts: who tells is let pass, and who cannot tell is found."""

import json
import logging
from pathlib import Path

import pytest

from chaos.scenario import Plan, Progress
from drill.alerts import FIRING
from drill.expectations import Expectations, ExpectedAlert, ExpectedPanel
from drill.rehearsal import rehearse
from parts.apache_kafka import ApacheKafka
from parts.needs import need

RULES = """\
groups:
  - name: quick
    interval: 1s
    rules:
      - alert: Deaf
        expr: max by (cluster) (realtime_broker_heartbeat_age_seconds) > 3
      - alert: CannotFire
        expr: vector(0) > 1
"""
ROUTES = """\
route: {receiver: somebody, group_wait: 0s, group_interval: 1s}
receivers:
  - name: somebody
    slack_configs: [{api_url_file: /nowhere, channel: x}]
"""
DASHBOARD = {
    "uid": "realtime-small",
    "panels": [
        {"type": "stat", "title": "Heard", "targets": [{"expr": "max(realtime_broker_heartbeat_age_seconds)"}]},
        {"type": "stat", "title": "Cannot tell", "targets": [{"expr": "vector(1)"}]},
    ],
}
PLAN = Plan(20, events=200, events_per_second=20, calm_seconds=30, after_seconds=2, hold_seconds=0)
HOLD_SECONDS = 8.0
EXPECTED = Expectations(
    alerts=[ExpectedAlert("Deaf", 20, resolves_within=30), ExpectedAlert("CannotFire", 20, resolves_within=None)],
    panels=[ExpectedPanel("small: Heard", 20), ExpectedPanel("small: Cannot tell", 20)],
)

pytestmark = pytest.mark.timeout(300)


async def test_an_alert_and_a_panel_that_cannot_tell_are_found_and_nothing_else(tmp_path: Path) -> None:
    need("java")
    need("mvn")
    need("prometheus")
    need("alertmanager")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "routes.yaml").write_text(ROUTES)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "small.json").write_text(json.dumps(DASHBOARD))
    said: list[str] = []
    kafka = ApacheKafka(tmp_path / "kafka")
    await kafka.start()
    try:
        rehearsal = await rehearse(
            "redis_away",
            EXPECTED,
            kafka,
            tmp_path / "stage",
            Progress(),
            said.append,
            plan=PLAN,
            hold_seconds=HOLD_SECONDS,
            notification_seconds=10,
            rules=tmp_path / "rules.yaml",
            routes=tmp_path / "routes.yaml",
            dashboards=tmp_path / "dashboards",
        )
    finally:
        await kafka.kill()
    assert rehearsal.problems == ["CannotFire was never firing", "panel small: Cannot tell told nothing"]
    deaf = rehearsal.watch.of("Deaf")
    assert deaf.first(FIRING) is not None
    assert deaf.told_at(FIRING) is not None
    assert rehearsal.outcome is not None
    assert rehearsal.outcome.verdict.deliveries > 0
    assert any("Deaf is firing" in line for line in said)
