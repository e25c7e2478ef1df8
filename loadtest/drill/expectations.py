"""What must tell, fault by fault: the one table that the drill is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drill.alerts import FIRING, PENDING


@dataclass(frozen=True)
class ExpectedAlert:
    """An alert that must come to a state within seconds of the fault's beginning, and go within seconds of its end.

    `resolves_within` is None for what looks back so far that a drill cannot wait for its end. One that does not notify
    is silenced by its cause, as deploy/prometheus/alertmanager.yaml says: who is paged, is paged once.
    """

    name: str
    within_seconds: float
    resolves_within: float | None
    state: str = FIRING
    notifies: bool = True


@dataclass(frozen=True)
class ExpectedPanel:
    """A panel that must tell within seconds of the fault's beginning; its name is `dashboard: title`."""

    name: str
    within_seconds: float


@dataclass(frozen=True)
class Expectations:
    """For one fault."""

    alerts: Sequence[ExpectedAlert]
    panels: Sequence[ExpectedPanel]


def _panels(within_seconds: float, *names: str) -> list[ExpectedPanel]:
    return [ExpectedPanel(name, within_seconds) for name in names]


# Rules are evaluated every 10 s (dependencies), 15 s (sockets, pods) or 30 s (objectives), and `for` comes on top.
EXPECTED: Final[dict[str, Expectations]] = {
    "redis_away": Expectations(
        alerts=[
            ExpectedAlert("RealtimeRedisAway", within_seconds=45, resolves_within=60),
            ExpectedAlert("RealtimePodDeaf", within_seconds=60, resolves_within=60, notifies=False),
            # It is for outages of more than a minute: here it begins to wait.
            ExpectedAlert("RealtimeBreakerOpen", within_seconds=45, resolves_within=60, state=PENDING, notifies=False),
            # Its messages are late once they come, after the outage; it goes half an hour later.
            ExpectedAlert("RealtimeDeliveryLatencyBudgetBurnsFast", within_seconds=300, resolves_within=None),
        ],
        panels=[
            *_panels(
                20,
                "redis: Heard itself",
                "redis: Since a pod heard itself",
                "redis: Breaker",
                "redis: Breaker, by pod",
                "redis: Errors, 5 min",
                "redis: Errors, by operation",
                "redis: Reconnects and failed publications",
                "overview: Breakers",
                "reliability: Breakers",
                "reliability: Retries, by dependency",
                "intake: Events",
                "intake: What became of records",
                "intake: Oldest in Kafka",
                "intake: Records behind",
                "intake: Partitions that stand still",
                "sockets: Messages written",
                "sockets: Refused at CONNECT",
            ),
            *_panels(45, "overview: Oldest in Kafka", "overview: Alerts"),
            # Late messages are late when they come.
            *_panels(
                90, "overview: Within 500 ms", "overview: Slowest of a hundred", "overview: From Kafka to the socket"
            ),
        ],
    ),
    "kafka_away": Expectations(
        alerts=[ExpectedAlert("RealtimeKafkaAway", within_seconds=90, resolves_within=90)],
        panels=_panels(40, "intake: Events", "intake: What became of records", "intake: Messages published, by source"),
    ),
    "pod_killed": Expectations(
        # A ticket: told a minute later, and ten minutes later that it is over, which no drill waits for.
        alerts=[ExpectedAlert("RealtimePodDown", within_seconds=165, resolves_within=60, notifies=False)],
        panels=_panels(20, "overview: Pods that do not answer", "overview: Connected, by pod"),
    ),
}
