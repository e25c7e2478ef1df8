"""Wrong values and what Helm says of them, section by section: where it is, and what would be right.

What contradicts itself is in the sections' own tests; `make deploy-check` prints all.
"""

from typing import Any

import pytest
import yaml

from parts.helm import CHART, RenderFailed, render
from parts.helm_values import minimal

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
MAPS = [name for name, default in VALUES.items() if isinstance(default, dict)]

# A value's path as Helm writes it -> the value, and words of its message.
WRONG: list[tuple[str, Any, str]] = [
    # -- misspelt ---------------------------------------------------------------------------------------------------
    ("", {"gatewy": {"replicas": 1}}, "'gatewy' not allowed"),
    ("/gateway", {"replica": 1}, "'replica' not allowed"),
    ("/gateway/probes/liveness", {"httpGet": {}}, "'httpGet' not allowed"),
    ("/gateway/autoscaling", {"min": 2}, "'min' not allowed"),
    ("/gateway/autoscaling/scaleDown", {"window": 2}, "'window' not allowed"),
    ("/intake", {"replica": 1}, "'replica' not allowed"),
    ("/settings", {"kafak": {}}, "'kafak' not allowed"),
    ("/settings/kafka", {"bootstrapServer": "x"}, "'bootstrapServer' not allowed"),
    ("/settings/kafka", {"bootstrap_servers": "x"}, "'bootstrap_servers' not allowed"),
    ("/settings/kafka/topics", {"orderShipped": "x"}, "'orderShipped' not allowed"),
    ("/auth", {"jwks": "x"}, "'jwks' not allowed"),
    ("/auth/existingSecret", {"keys": "x"}, "'keys' not allowed"),
    ("/kafka", {"bootstrapServers": "x"}, "'bootstrapServers' not allowed"),
    ("/kafka/sasl", {"mechanism": "PLAIN"}, "'mechanism' not allowed"),
    ("/redis", {"host": "x"}, "'host' not allowed"),
    ("/tracing", {"endpoint": "x"}, "'endpoint' not allowed"),
    ("/podSecurity", {"privileged": True}, "'privileged' not allowed"),
    ("/ingress", {"annotation": {}}, "'annotation' not allowed"),
    ("/monitoring", {"serviceMonitors": {}}, "'serviceMonitors' not allowed"),
    ("/networkPolicy", {"ingress": []}, "'ingress' not allowed"),
    ("/networkPolicy/egress/dns", {"port": 53}, "'port' not allowed"),
    ("/try/kafka", {"replicas": 3}, "'replicas' not allowed"),
    ("/image", {"name": "x"}, "'name' not allowed"),
    ("/gateway/resources", {"limit": {}}, "'limit' not allowed"),
    ("/try/redis/resources", {"request": {}}, "'request' not allowed"),
    ("/gateway/resources/limits/memory", [1], "got array"),
    ("/gateway/updateStrategy/rollingUpdate", {"maxUnavailabel": 1}, "'maxUnavailabel' not allowed"),
    ("/gateway", {"enabled": False}, "'enabled' not allowed"),
    ("/gateway/extraEnv/0", {"name": "B", "valeu": "x"}, "'valeu' not allowed"),
    ("/gateway/extraEnv/0/valueFrom", {"secretRef": {}}, "'secretRef' not allowed"),
    # -- taken away, with all defaults in it ------------------------------------------------------------------------
    ("", {"image": None}, "missing property 'image'"),
    ("", {"monitoring": None}, "missing property 'monitoring'"),
    ("", {"commonLabels": None}, "missing property 'commonLabels'"),
    ("/ingress", {"tls": None}, "missing property 'tls'"),
    ("/gateway", {"probes": None}, "missing property 'probes'"),
    ("/gateway/autoscaling", {"keda": None}, "missing property 'keda'"),
    ("/intake", {"podDisruptionBudget": None}, "missing property 'podDisruptionBudget'"),
    # -- of a wrong kind --------------------------------------------------------------------------------------------
    ("/gateway/replicas", "three", "want integer"),
    ("/gateway/extraEnv", {"A": "b"}, "want array"),
    ("/gateway/priorityClassName", 5, "want string"),
    ("/commonLabels/a", 1, "want string"),
    ("/auth/secret", 123, "want string"),
    ("/checkSecrets", "no", "want boolean"),
    ("/tests/enabled", 1, "want boolean"),
    ("/monitoring/dashboards/enabled", "yes", "want boolean"),
    ("/networkPolicy/egress/redis/ports/0", "redis", "want integer"),
    ("/networkPolicy/extraIngress", {"ports": []}, "want array"),
    ("/ingress/host", ["a"], "want string"),
    ("/settings/limits/sessionsPerPod", "many", "got string"),
    ("/settings/drain/graceSeconds", "20s", "got string"),
    ("/settings/kafka/bootstrapServers", 9092, "got number"),
    ("/gateway/extraEnv/0/value", 1, "want string"),
    # -- not one of the choices -------------------------------------------------------------------------------------
    ("/image/pullPolicy", "Sometimes", "'Always', 'IfNotPresent', 'Never'"),
    ("/ingress/preset", "istio", "'none', 'gateway-api', 'envoy-gateway'"),
    ("/ingress/sticky/sameSite", "none", "'', 'Lax', 'Strict', 'None'"),
    ("/ingress/gateway/affinity", "ip", "'sessionPersistence', 'consistentHash'"),
    ("/ingress/haproxy/controller", "other", "'haproxytech', 'haproxy-ingress'"),
    ("/service/trafficDistribution", "Near", "'', 'PreferClose', 'PreferSameZone', 'PreferSameNode'"),
    ("/service/type", "External", "'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ("/gateway/autoscaling/kind", "vpa", "'hpa', 'keda'"),
    ("/gateway/topologySpread/zones", "yes", "'soft', 'hard', 'none'"),
    ("/gateway/updateStrategy/type", "Recreate", "'RollingUpdate'"),
    ("/auth/existingSecret/kind", "jwks", "'secret', 'publicKey'"),
    ("/settings/kafka/startAt", "newest", "'earliest', 'latest'"),
    ("/settings/kafka/securityProtocol", "sasl_ssl", "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'"),
    ("/settings/kafka/saslMechanism", "GSSAPI", "'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'"),
    ("/settings/log/level", "verbose", "'debug', 'info', 'warning', 'error'"),
    ("/settings/sockets/transports/0", "sse", "'polling', 'websocket'"),
    # -- out of bounds ----------------------------------------------------------------------------------------------
    ("/gateway/replicas", 0, "want 1"),
    ("/service/port", 0, "want 1"),
    ("/service/port", 70_000, "want 65,535"),
    ("/settings/http/port", 99_999, "want 65,535"),
    ("/settings/history/retentionSeconds", -1, "want 1"),
    ("/settings/tracing/samplingRatio", 2, "want 1"),
    ("/podSecurity/runAsUser", 0, "want 1"),
    ("/priorityClass/value", 3_000_000_000, "maximum"),
    ("/try/kafka/partitions", 0, "want 1"),
    ("/image/repository", "", "minLength"),
    ("/gateway/extraEnv/0", {"value": "x"}, "missing property 'name'"),
    # -- of a wrong form --------------------------------------------------------------------------------------------
    ("/gateway/terminationGracePeriodSeconds", "85s", "want null or integer"),
    ("/monitoring/podMonitor/interval", "10", "(ms|s|m)"),
]


# What the templates say in a sentence, where a schema could show no more than a pattern.
SENTENCES: list[tuple[str, Any, str]] = [
    ("/fullnameOverride", "Real_Time", 'fullnameOverride is "Real_Time": names in Kubernetes are of a-z'),
    ("/serviceAccount/name", "A_B", 'serviceAccount.name is "A_B": names in Kubernetes are of a-z'),
    ("/image/digest", "abc", 'image.digest is "abc": a digest is sha256: and 64'),
    ("/image/tag", "a b", 'image.tag is "a b": a tag is at most 128 of A-Z'),
    ("/try/kafka/image/tag", "a/b", 'try.kafka.image.tag is "a/b": a tag is at most'),
    ("/gateway/podDisruptionBudget/maxUnavailable", "half", 'gateway.podDisruptionBudget.maxUnavailable is "half": it'),
    (
        "/gateway/podDisruptionBudget/minAvailable",
        "1",
        'gateway.podDisruptionBudget.minAvailable is "1": it is a number',
    ),
    ("/gateway/podDisruptionBudget/maxUnavailable", "100%", "gateway.podDisruptionBudget.maxUnavailable is 100%, and"),
    (
        "/gateway/podDisruptionBudget/maxUnavailable",
        3,
        "gateway.podDisruptionBudget.maxUnavailable is 3, and there are 3",
    ),
    ("/gateway/updateStrategy/rollingUpdate/maxSurge", 0, "gateway.updateStrategy.rollingUpdate.maxSurge and maxUnav"),
    ("/gateway/updateStrategy/rollingUpdate/maxSurge", "1", 'gateway.updateStrategy.rollingUpdate.maxSurge is "1": it'),
    (
        "/gateway/updateStrategy/rollingUpdate/maxUnavailable",
        "100%",
        "gateway.updateStrategy.rollingUpdate.maxUnavailable is 100% of 3 pods",
    ),
    ("/service/nodePort", 30_001, "service.nodePort is set, but service.type is ClusterIP"),
    ("/service/externalTrafficPolicy", "Local", "service.externalTrafficPolicy is set, but service.type is ClusterIP"),
    ("/service/loadBalancerClass", "a/b", "service.loadBalancerClass is set, but service.type is ClusterIP"),
    ("/service", {"type": "NodePort", "loadBalancerSourceRanges": ["::/0"]}, "service.loadBalancerSourceRanges is set"),
    (
        "/service",
        {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.1"]},
        'service.loadBalancerSourceRanges has "10.0.0.1"',
    ),
]


def nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split("/")[1:]):
        value = [value] if name == "0" else {name: value}
    return value


@pytest.mark.parametrize(("path", "value", "words"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG])
def test_what_is_wrong_is_refused_and_where_it_is_said(path: str, value: Any, words: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        render(minimal(**nested(path, value)))
    lines = [line for line in str(refused.value).splitlines() if f"at '{path}'" in line]
    assert len(lines) == 1, refused.value
    assert words in lines[0]


@pytest.mark.parametrize(("path", "value", "words"), SENTENCES, ids=[f"{path}={value}" for path, value, _ in SENTENCES])
def test_what_is_of_a_wrong_form_is_refused_in_a_sentence(path: str, value: Any, words: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        render(minimal(**nested(path, value)))
    assert str(refused.value).partition("): ")[2].startswith(words)


@pytest.mark.parametrize("release", ["1-shop", "shop.live"])
def test_a_release_whose_name_no_service_can_have_is_told_of_the_other_name(release: str) -> None:
    with pytest.raises(RenderFailed, match="fullnameOverride is not set, and the release"):
        render(minimal(), release=release)
    assert render(minimal(fullnameOverride="shop"), release=release)


@pytest.mark.parametrize("name", MAPS)
def test_a_section_that_is_taken_away_is_missed(name: str) -> None:
    with pytest.raises(RenderFailed, match=f"at '': missing property '{name}'"):
        render({**minimal(), name: None})


def test_names_of_a_right_form_are_taken() -> None:
    assert render(
        minimal(
            fullnameOverride="r-1",
            serviceAccount={"name": "a.b-c"},
            image={"tag": "v1.2_x", "digest": f"sha256:{'0' * 64}"},
            gateway={"podDisruptionBudget": {"maxUnavailable": "34%"}, "resources": {"limits": {"cpu": 2}}},
        )
    )
    assert render(minimal(gateway={"resources": None}))
