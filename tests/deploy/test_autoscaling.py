"""What scales pods, as the chart renders it; and what it refuses, in words."""

from typing import Any

import pytest
import yaml

from parts import prometheus_adapter
from parts.helm import CHART, RenderFailed, notes, render
from parts.helm_values import minimal
from parts.manifests import Manifest, deployments, one
from realtime.settings import Settings

ON: dict[str, Any] = {"enabled": True}
PROMETHEUS = {"prometheusAddress": "http://prometheus:9090"}
KEDA = ON | {"kind": "keda", "keda": PROMETHEUS}


def hpa(**autoscaling: Any) -> Manifest:
    return one(render(minimal(gateway={"autoscaling": ON | autoscaling})), "HorizontalPodAutoscaler")


def triggers(**autoscaling: Any) -> dict[str, dict[str, Any]]:
    scaled = one(render(minimal(gateway={"autoscaling": KEDA | autoscaling})), "ScaledObject")
    return {trigger["name"]: trigger for trigger in scaled["spec"]["triggers"]}


def test_by_default_nothing_scales_and_replicas_are_said() -> None:
    manifests = render(minimal())
    assert not [each for each in manifests if each["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}]
    assert one(manifests, "Deployment")["spec"]["replicas"] == 3


@pytest.mark.parametrize("kind", ["hpa", "keda"])
def test_where_something_scales_replicas_are_not_said_and_the_scaler_names_the_deployment(kind: str) -> None:
    keda = ON | {"kind": kind, "keda": PROMETHEUS if kind == "keda" else {}}
    values = minimal(
        gateway={"autoscaling": keda}, intake={"enabled": True, "autoscaling": keda | {"cpuUtilizationPercent": 70}}
    )
    manifests = render(values, release="shop")
    assert all("replicas" not in each["spec"] for each in deployments(manifests))
    scalers = [each for each in manifests if each["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}]
    assert {each["spec"]["scaleTargetRef"]["name"] for each in scalers} == {
        each["metadata"]["name"] for each in deployments(manifests)
    }
    assert len(scalers) == 2
    assert len({each["kind"] for each in scalers}) == 1


def test_it_goes_by_connections_cpu_and_if_asked_for_by_lag() -> None:
    spec = hpa(kafkaLagRecords=5_000)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 20)
    pods, cpu, lag = spec["metrics"]
    assert pods["pods"] == {
        "metric": {"name": "realtime_connections"},
        "target": {"type": "AverageValue", "averageValue": "10000"},
    }
    assert cpu["containerResource"]["container"] == "realtime"
    assert lag["external"]["target"] == {"type": "AverageValue", "averageValue": "5000"}
    assert [each["type"] for each in hpa(cpuUtilizationPercent=None)["spec"]["metrics"]] == ["Pods"]
    assert [each["type"] for each in hpa(connectionsPerPod=None)["spec"]["metrics"]] == ["ContainerResource"]


def test_every_metric_that_the_autoscaler_names_is_one_that_the_adapter_gives_with_the_labels_it_asks_for() -> None:
    pods, _, lag = hpa(kafkaLagRecords=5_000)["spec"]["metrics"]
    assert pods["pods"]["metric"]["name"] in prometheus_adapter.rules("custom")
    metric = lag["external"]["metric"]
    query = prometheus_adapter.external(metric["name"], "shop", metric["selector"]["matchLabels"])
    assert query.endswith(", 5000))")
    assert 'pod=~"realtime-[a-z0-9]+(-[a-z0-9]+)?"' in query


def test_adapter_and_keda_ask_the_same_of_prometheus() -> None:
    lag = hpa(kafkaLagRecords=5_000)["spec"]["metrics"][-1]["external"]["metric"]
    asked = prometheus_adapter.external(lag["name"], "shop", lag["selector"]["matchLabels"])
    query = triggers(kafkaLagRecords=5_000)["lag"]["metadata"]["query"]
    assert "".join(query.split()) == "".join(asked.split())


def test_pods_come_fast_and_leave_one_a_minute_after_ten_in_which_none_was_wanted() -> None:
    behavior = hpa()["spec"]["behavior"]
    assert behavior["scaleUp"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 30},
            {"type": "Percent", "value": 100, "periodSeconds": 30},
        ],
    }
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }
    scaled = one(render(minimal(gateway={"autoscaling": KEDA})), "ScaledObject")
    assert scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"] == {
        "name": "realtime-keda",
        "behavior": behavior,
    }


def test_keda_takes_no_answer_for_nothing() -> None:
    """By default it takes an empty answer for 0, and would scale down when Prometheus has lost the pods."""
    asked = [each for each in triggers(kafkaLagRecords=5_000).values() if each["type"] == "prometheus"]
    assert [each["name"] for each in asked] == ["connections", "lag"]
    assert all(each["metadata"]["ignoreNullValues"] == "false" for each in asked)
    assert all(each["metricType"] == "AverageValue" for each in asked)


def test_keda_can_ask_kafka_itself_as_the_pods_are_told_to() -> None:
    autoscaling = KEDA | {
        "kafkaLagRecords": 5_000,
        "keda": PROMETHEUS | {"lagFrom": "kafka", "kafkaAuthentication": {"name": "kafka"}},
    }
    kafka = {"bootstrapServers": "a:9092,b:9092", "groupId": "group-2", "securityProtocol": "SSL"}
    manifests = render(minimal(gateway={"autoscaling": autoscaling}, settings={"kafka": kafka}))
    trigger = one(manifests, "ScaledObject")["spec"]["triggers"][-1]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"] == {
        "bootstrapServers": "a:9092,b:9092",
        "consumerGroup": "group-2",
        "lagThreshold": "5000",
        "offsetResetPolicy": "earliest",
        "excludePersistentLag": "true",
    }
    assert trigger["authenticationRef"] == {"name": "kafka", "kind": "TriggerAuthentication"}


def test_numbers_are_never_written_as_floats() -> None:
    written = yaml.safe_dump(hpa(connectionsPerPod=49_000, kafkaLagRecords=10_000_000), width=1_000)
    assert "averageValue: '10000000'" in written
    assert "e+" not in written


def test_what_the_templates_take_for_unset_settings_is_what_the_service_takes() -> None:
    limits, kafka = (Settings.model_fields[name].annotation.model_fields for name in ("limits", "kafka"))  # type: ignore[union-attr]
    template = (CHART / "templates/_autoscaling.tpl").read_text() + (CHART / "templates/scaledobject.yaml").read_text()
    assert f'dig "limits" "sessionsPerPod" {limits["sessions_per_pod"].default} ' in template
    assert f'dig "kafka" "groupId" "{kafka["group_id"].default}" ' in template
    assert f'dig "kafka" "startAt" "{kafka["start_at"].default}" ' in template


def with_gateway(**autoscaling: Any) -> dict[str, Any]:
    return {"gateway": {"autoscaling": ON | autoscaling}}


REFUSED = {
    "more at least than at most": (
        with_gateway(minReplicas=30),
        r"gateway\.autoscaling\.minReplicas is 30, more than maxReplicas, 20: raise maxReplicas, or lower minReplicas",
    ),
    "replicas, too": (
        {"gateway": {"replicas": 5, "autoscaling": ON}},
        r"gateway\.replicas is 5, but gateway\.autoscaling\.enabled is true.*unset gateway\.replicas",
    ),
    "nothing to go by": (
        with_gateway(connectionsPerPod=None, cpuUtilizationPercent=None),
        r"gateway\.autoscaling is enabled, but has nothing to go by: set connectionsPerPod",
    ),
    "more connections than a pod takes": (
        with_gateway(connectionsPerPod=60_000),
        r"connectionsPerPod is 60000, but a pod takes no more than 50000 .*Set it to 35000 or less",
    ),
    "more connections than a pod is set to take": (
        with_gateway() | {"settings": {"limits": {"sessionsPerPod": 9_000}}},
        r"connectionsPerPod is 10000, but a pod takes no more than 9000",
    ),
    "lag of pods that take in nothing": (
        with_gateway(kafkaLagRecords=100) | {"intake": {"enabled": True}},
        r"gateway\.autoscaling\.kafkaLagRecords is set, but with intake\.enabled .*intake\.autoscaling\.kafkaLagRecords",
    ),
    "connections of pods without sockets": (
        {"intake": {"enabled": True, "autoscaling": ON | {"connectionsPerPod": 10}}},
        r"intake\.autoscaling\.connectionsPerPod is set, but intake's pods hold no sockets",
    ),
    "pods that are not there": (
        {"intake": {"autoscaling": ON}},
        r"intake\.autoscaling\.enabled is true, but intake\.enabled is not",
    ),
    "per cent of nothing": (
        {"gateway": {"autoscaling": ON, "resources": {"requests": {"cpu": None}}}},
        r"gateway\.autoscaling\.cpuUtilizationPercent is 70, per cent of gateway\.resources\.requests\.cpu, which is not",
    ),
    "more processor than a pod can use": (
        {"gateway": {"autoscaling": ON, "resources": {"requests": {"cpu": "1500m"}}}},
        r"cpuUtilizationPercent is 70 of gateway\.resources\.requests\.cpu, 1500m: that is 1\.05 cores",
    ),
    "pods that leave before the last has left": (
        with_gateway(scaleDown={"periodSeconds": 60}) | {"settings": {"drain": {"graceSeconds": 90}}},
        r"gateway\.autoscaling\.scaleDown\.periodSeconds is 60, but a pod takes 95 s to leave .*Set it to 95 or more",
    ),
    "a budget that lets no pod go": (
        {"gateway": {"autoscaling": ON, "podDisruptionBudget": {"minAvailable": 3}}},
        r"gateway\.podDisruptionBudget\.minAvailable is 3, .*gateway\.autoscaling\.minReplicas",
    ),
    "both kinds": (
        with_gateway(keda=PROMETHEUS),
        r"gateway\.autoscaling\.keda is set, but gateway\.autoscaling\.kind is hpa: .*There is never both",
    ),
    "metrics for KEDA": (
        {"gateway": {"autoscaling": KEDA | {"extraMetrics": [{"type": "Pods"}]}}},
        r"gateway\.autoscaling\.extraMetrics is set, but gateway\.autoscaling\.kind is keda",
    ),
    "KEDA without Prometheus": (
        with_gateway(kind="keda"),
        r"gateway\.autoscaling\.keda\.prometheusAddress is empty: .*such as http://",
    ),
    "KEDA that Kafka would not let in": (
        {
            "gateway": {"autoscaling": KEDA | {"kafkaLagRecords": 9, "keda": PROMETHEUS | {"lagFrom": "kafka"}}},
            "settings": {"kafka": {"securityProtocol": "SASL_SSL"}},
            "kafka": {"sasl": {"username": "u", "password": "p"}},
        },
        r"gateway\.autoscaling\.keda\.kafkaAuthentication\.name is empty, but settings\.kafka\.securityProtocol is SASL_SSL",
    ),
    "bounds of intake": (
        {"intake": {"enabled": True, "autoscaling": ON | {"minReplicas": 7}}},
        r"intake\.autoscaling\.minReplicas is 7, more than maxReplicas, 6",
    ),
}


@pytest.mark.parametrize(("values", "told"), REFUSED.values(), ids=REFUSED)
def test_what_could_not_work_is_refused_and_says_what_to_set(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderFailed, match=told):
        render(minimal(**values))


@pytest.mark.parametrize("replicas", [None, 3, 5])
def test_replicas_that_say_the_same_or_nothing_are_no_contradiction(replicas: int | None) -> None:
    manifests = render(minimal(gateway={"replicas": replicas, "autoscaling": ON | {"minReplicas": 5}}))
    assert "replicas" not in one(manifests, "Deployment")["spec"]


def test_the_defaults_of_both_roles_render_once_enabled() -> None:
    manifests = render(minimal(gateway={"autoscaling": ON}, intake={"enabled": True, "autoscaling": ON}))
    scalers = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "HorizontalPodAutoscaler"}
    assert set(scalers) == {"realtime", "realtime-intake"}
    assert [each["type"] for each in scalers["realtime-intake"]["spec"]["metrics"]] == ["ContainerResource"]


NOTED = {
    "more pods than partitions": (
        with_gateway(kafkaPartitions=12),
        "gateway.autoscaling.maxReplicas is 20, and Kafka has 12 partitions: 8 pods would take in nothing.",
    ),
    "more intake than partitions": (
        {"intake": {"enabled": True, "autoscaling": ON | {"kafkaPartitions": 4}}},
        "intake.autoscaling.maxReplicas is 6, and Kafka has 4 partitions: 2 pods would take in nothing, and be idle.",
    ),
    "unknown partitions": (
        {"intake": {"enabled": True, "autoscaling": ON}},
        "intake.autoscaling.maxReplicas is 6: pods beyond the number of partitions",
    ),
    "a page before a pod": (
        with_gateway(connectionsPerPod=40_000),
        "an autoscaler acts at a tenth more, and RealtimeNearCapacity pages at 40000 (80 % of",
    ),
}


@pytest.mark.parametrize(("values", "told"), NOTED.values(), ids=NOTED)
def test_what_is_no_error_but_should_be_known_is_in_the_notes(values: dict[str, Any], told: str) -> None:
    assert told in notes(minimal(**values))


def test_nothing_is_noted_of_good_values() -> None:
    assert "gateway.autoscaling." not in notes(minimal(**with_gateway(kafkaPartitions=36)))
