"""The composition root: a pod is made of its settings, and is not ready before it hears itself."""

import platform
import time
from typing import Any

import pytest

import realtime
from realtime.app import Pod
from realtime.errors import ConfigurationError
from realtime.settings import AuthSettings, PodSettings, Role, Settings
from unit.counts import count

SECRET = "a secret of the tests, of more than 32 bytes"


def make_pod(*roles: Role, **auth: Any) -> Pod:
    settings = Settings(
        auth=AuthSettings(**auth or {"secret": SECRET}), pod=PodSettings(name="pod-7"), roles=frozenset(roles or Role)
    )
    return Pod(settings)


def test_a_pod_can_be_made_while_nothing_is_there_and_is_not_ready() -> None:
    health = make_pod().check_health()
    assert (health.pod_name, health.is_ready) == ("pod-7", False)
    assert health.checks["redis"].startswith("the own heartbeat")
    assert health.checks["kafka"].startswith("waiting for Kafka")


def test_a_pod_without_intake_does_not_wait_for_kafka() -> None:
    assert make_pod(Role.SOCKETS).check_health().checks["kafka"] == "not the role of this pod"


def test_a_key_that_cannot_be_used_is_told_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match="REALTIME_AUTH__PUBLIC_KEY"):
        make_pod(public_key="garbage")


def test_pods_of_one_process_are_told_apart() -> None:
    assert make_pod().check_health().pod_id != make_pod().check_health().pod_id


@pytest.mark.parametrize("roles", [(Role.SOCKETS,), (Role.INTAKE,), ()])
def test_what_is_counted_is_told_from_the_start_whatever_its_labels(roles: tuple[Role, ...]) -> None:
    # What `Intake` makes, it makes when Kafka is there.
    later = {"realtime_events", "realtime_dead_letters", "realtime_kafka_consumer_restarts"}
    silent = [
        family.name
        for family in make_pod(*roles)._metrics.registry.collect()
        if family.type in {"counter", "histogram"} and not family.samples
    ]
    assert set(silent) <= later


def test_a_pod_without_sockets_has_no_room_for_any() -> None:
    assert count(make_pod(Role.INTAKE)._metrics.connection_limit) == 0


async def test_what_a_pod_tells_when_it_is_asked_is_fresh() -> None:
    pod = make_pod()
    await pod._refresh_metrics()
    metrics = pod._metrics
    assert count(metrics.connection_limit) == 50_000
    assert count(metrics.drain_limit) == 25
    assert (count(metrics.draining), count(metrics.draining_seconds)) == (0, 0)
    assert count(metrics.build_info, version=realtime.__version__, python=platform.python_version()) == 1
    pod._leaving_since = time.monotonic() - 7
    await pod._refresh_metrics()
    assert count(metrics.draining_seconds) >= 7
