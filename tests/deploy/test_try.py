"""values-try.yaml: all that it takes is in the cluster, keeps nothing, and stands in nobody's way."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.helm import CHART, RenderFailed, notes, render
from parts.kafka_image import KafkaOfImage
from parts.pod_security import breaches
from realtime.settings import load_settings

TRY: dict[str, Any] = yaml.safe_load((CHART / "values-try.yaml").read_text())


def one(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def container(manifests: list[dict[str, Any]], deployment: str) -> dict[str, Any]:
    (only,) = one(manifests, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def variables(manifests: list[dict[str, Any]], deployment: str) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(manifests, deployment)["env"]}


def test_pods_are_told_where_kafka_and_redis_are(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = render(TRY)
    for name, value in one(manifests, "ConfigMap", "realtime")["data"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REALTIME_AUTH__SECRET", "made up by the chart, and long enough")
    settings = load_settings()
    for address, service in (
        (settings.kafka.bootstrap_servers, "realtime-kafka"),
        (settings.redis.url.get_secret_value(), "realtime-redis"),
    ):
        (port,) = one(manifests, "Service", service)["spec"]["ports"]
        assert f"{service}:{port['port']}" in address
        assert container(manifests, service)["ports"] == [{"name": port["targetPort"], "containerPort": port["port"]}]


def test_a_secret_is_made_up_and_pods_have_it() -> None:
    manifests = render(TRY)
    secret = one(manifests, "Secret", "realtime-try")
    assert len(base64.b64decode(secret["data"]["auth-secret"])) >= 32
    reference = {"name": "realtime-try", "key": "auth-secret"}
    env = container(manifests, "realtime")["env"]
    assert [e["valueFrom"]["secretKeyRef"] for e in env if e["name"] == "REALTIME_AUTH__SECRET"] == [reference]


def test_a_secret_that_is_named_is_taken_and_nothing_random_is_rendered() -> None:
    values = {**TRY, "auth": {"existingSecret": {"name": "mine", "key": "secret"}}}
    manifests = render(values)
    assert not [m for m in manifests if m["kind"] == "Secret"]
    assert manifests == render(values)


def test_two_releases_make_up_two_secrets() -> None:
    made = {one(render(TRY), "Secret", "realtime-try")["data"]["auth-secret"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize("name", ["realtime-kafka", "realtime-redis"])
def test_they_run_under_restricted_pod_security_and_keep_nothing(name: str) -> None:
    manifests = render(TRY)
    pod = one(manifests, "Deployment", name)["spec"]["template"]["spec"]
    assert breaches(pod) == []
    assert container(manifests, name)["securityContext"]["readOnlyRootFilesystem"] is True
    # Else Services' names would be the broker's settings.
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert all(set(volume) == {"name", "emptyDir"} for volume in pod["volumes"])


def test_only_pods_of_the_release_reach_them() -> None:
    for name, port in (("realtime-kafka", 9092), ("realtime-redis", 6379)):
        (rule,) = one(render(TRY), "NetworkPolicy", name)["spec"]["ingress"]
        assert rule["from"] == [
            {
                "podSelector": {
                    "matchLabels": {"app.kubernetes.io/name": "realtime", "app.kubernetes.io/instance": "realtime"}
                }
            }
        ]
        assert [p["port"] for p in rule["ports"]] == [port]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"settings": {"kafka": {"bootstrapServers": "kafka:9092"}}}, "settings.kafka.bootstrapServers"),
        ({"redis": {"url": "redis://redis:6379/0"}}, "redis.url"),
        ({"redis": {"existingSecret": {"name": "redis"}}}, "redis.existingSecret.name"),
        ({"kafka": {"tls": {"caSecret": {"name": "ca"}}}}, "kafka.tls.caSecret.name"),
    ],
)
def test_beside_a_real_one_it_is_refused_readably(values: dict[str, Any], path: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        render({"try": {"enabled": True}, **values})
    assert f"{path} is for a " in str(refused.value)
    assert "set try.enabled to false" in str(refused.value)


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    manifests = render(
        {
            "auth": {"secret": "x" * 32},
            "settings": {"kafka": {"bootstrapServers": "k:9092"}},
            "redis": {"url": "redis://r"},
        }
    )
    assert not [m for m in manifests if m["metadata"]["name"].endswith(("-kafka", "-redis", "-try"))]


def test_notes_say_what_to_do_and_that_nothing_is_kept() -> None:
    told = notes(TRY)
    for words in (
        "it is gone when those are replaced",
        "kind load docker-image realtime:",
        "exec deployment/realtime -- realtime token u-1",
        "port-forward service/realtime 3009:80",
        "kafka-console-producer.sh --bootstrap-server 127.0.0.1:9094 --topic order.updated",
    ):
        assert words in told
    assert "LOCAL://127.0.0.1:9094" in variables(render(TRY), "realtime-kafka")["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.timeout(240)
async def test_the_broker_runs_by_its_variables_and_makes_topics_when_they_are_asked_for(tmp_path: Path) -> None:
    kafka = KafkaOfImage(tmp_path, variables(render(TRY), "realtime-kafka"), "CLIENTS")
    try:
        await kafka.start()
        assert await kafka.partitions_of("order.updated") == 6
    finally:
        await kafka.kill()
