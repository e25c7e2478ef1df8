"""The composition root: a pod is made of its settings, and is not ready before it hears itself."""

from typing import Any

import pytest

from realtime.app import Pod
from realtime.errors import ConfigurationError
from realtime.settings import AuthSettings, PodSettings, Role, Settings

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
