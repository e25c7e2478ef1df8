"""That an alert comes to whom it should: from metrics through a real Prometheus and a real Alertmanager, by their example
configurations, to PagerDuty and Slack; and that what a cause brings about wakes nobody."""

import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from parts.alertmanager import Alertmanager, Inbox
from parts.needs import need
from parts.ports import free_port
from parts.prometheus import Prometheus, Target
from parts.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy/prometheus"
PAGES, TICKETS = "v2/enqueue", "slack"
WELL = "realtime_broker_heartbeat_age_seconds 0.5\n"
DEAF = "realtime_broker_heartbeat_age_seconds 40\n"
CERTIFICATE_OF_1970 = 'realtime_tls_certificate_expiry_timestamp_seconds{file="/tls/tls.crt"} 1\n'


class Metrics:
    """What all pods tell, as a test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.text = WELL

    def targets(self) -> list[Target]:
        return [
            Target(f"127.0.0.1:{self.port}", {"cluster": "east", "namespace": "shop", "pod": pod})
            for pod in ("pod-0", "pod-1", "pod-2")
        ]

    async def tell(self, _: web.Request) -> web.Response:
        return web.Response(text=self.text)


@pytest.fixture
async def metrics() -> AsyncIterator[Metrics]:
    metrics = Metrics()
    application = web.Application()
    application.router.add_get("/metrics", metrics.tell)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", metrics.port).start()
    yield metrics
    await runner.cleanup()


def test_alertmanager_takes_the_configuration() -> None:
    command = [need("amtool"), "check-config", str(DEPLOY / "alertmanager.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS" in ran.stdout
    assert "2 receivers" in ran.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "RealtimeRedisAway", "severity": "page"}, "pages"),
        ({"alertname": "RealtimeDeadLetters", "severity": "ticket"}, "tickets"),
        ({"alertname": "SomebodyElses", "severity": "critical"}, "tickets"),
        ({"alertname": "WithoutAny"}, "tickets"),
    ],
)
def test_an_alert_has_one_receiver(labels: dict[str, str], receiver: str) -> None:
    named = [f"{name}={value}" for name, value in labels.items()]
    command = [need("amtool"), "config", "routes", "test", f"--config.file={DEPLOY / 'alertmanager.yaml'}", *named]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [receiver]


async def test_pages_and_tickets_come_and_are_taken_back_and_consequences_wake_nobody(
    metrics: Metrics, tmp_path: Path
) -> None:
    async with Inbox() as inbox:
        alertmanager = Alertmanager(tmp_path / "alertmanager", quick_configuration(tmp_path, inbox))
        prometheus = Prometheus(
            tmp_path / "prometheus",
            metrics.targets(),
            rule_files=[quick_rules(tmp_path)],
            scrape_interval_seconds=0.2,
            evaluation_interval_seconds=0.2,
            alertmanagers=[alertmanager.address],
        )
        try:
            await alertmanager.start()
            await prometheus.start()
            await prometheus.has_scraped()
            assert inbox.received == {}

            metrics.text = DEAF + CERTIFICATE_OF_1970.replace(" 1", f" {await in_days(prometheus, 10)}")
            (page,) = await eventually(lambda: inbox.at(PAGES), 15, "a page has come")
            assert (page["event_action"], page["routing_key"]) == ("trigger", "a-key-of-pagerduty")
            assert page["payload"]["summary"] == "Redis is away in east/shop"
            assert "Nothing is delivered" in page["payload"]["custom_details"]["alerts"]
            assert [link["href"] for link in page["links"]] == [
                "https://docs.example.com/realtime/runbooks/RealtimeRedisAway.md",
                "https://grafana.example.com/d/realtime-redis?var-cluster=east&var-namespace=shop",
            ]
            (ticket,) = await eventually(lambda: inbox.at(TICKETS), 15, "a ticket has come")
            assert ticket["channel"] == "#realtime-tickets"
            (told,) = ticket["attachments"]
            assert told["title"] == "A certificate expires within two weeks in east/shop"
            assert "/tls/tls.crt is good for 9d" in told["text"]

            async def consequences_are_silenced() -> bool:
                states = await alertmanager.states()
                return states.get("RealtimePodDeaf") == "suppressed" and states["RealtimeRedisAway"] == "active"

            await eventually(consequences_are_silenced, 15, "deaf pods are held, and told to nobody")

            metrics.text = WELL
            await eventually(lambda: resolved(inbox.at(PAGES)), 15, "the page is taken back")
            await eventually(lambda: "Over: " in str(inbox.at(TICKETS)[-1]), 15, "the ticket is taken back")
            # One incident, and of deaf pods nothing but, perhaps, that they are no more.
            assert {event["dedup_key"] for event in inbox.at(PAGES)} == {page["dedup_key"]}
            triggers = [event for event in inbox.at(PAGES) if event["event_action"] == "trigger"]
            assert "RealtimeRedisAway" in str(triggers)
            assert "RealtimePodDeaf" not in str(triggers)
        finally:
            await prometheus.kill()
            await alertmanager.kill()


def resolved(events: Sequence[dict[str, Any]]) -> bool:
    return events[-1]["event_action"] == "resolve"


async def in_days(prometheus: Prometheus, days: int) -> float:
    now = await prometheus.value("time()")
    assert now is not None
    return now + days * 86_400


def quick_configuration(directory: Path, inbox: Inbox) -> Path:
    """The example, as it is but for where PagerDuty and Slack are, where secrets lie, and how long is waited."""
    configuration = yaml.safe_load((DEPLOY / "alertmanager.yaml").read_text())
    secrets = {"pagerduty-routing-key": "a-key-of-pagerduty", "slack-webhook-url": f"{inbox.url}/{TICKETS}"}
    for name, secret in secrets.items():
        (directory / name).write_text(secret)
    configuration["global"] = {"pagerduty_url": f"{inbox.url}/{PAGES}"}
    for route in (configuration["route"], *configuration["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    written = json.dumps(configuration).replace("/etc/alertmanager/secrets", str(directory))
    path = directory / "alertmanager.json"
    path.write_text(written)  # JSON is YAML, too
    return path


def quick_rules(directory: Path) -> Path:
    """The rules, as they are but for how long something must last."""
    rules = yaml.safe_load((DEPLOY / "rules.yaml").read_text())
    for group in rules["groups"]:
        group.pop("interval")
        for rule in group["rules"]:
            rule.pop("for", None)
    path = directory / "rules.json"
    path.write_text(json.dumps(rules))
    return path
