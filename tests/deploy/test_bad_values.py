"""Wrong values and what Helm says of them, section by section: where it is, and what would be right.

What contradicts itself is in the sections' own tests; `make deploy-check` prints all.
"""

from typing import Any

import pytest

from parts.helm import RenderFailed, render
from parts.helm_values import minimal

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
    ("/try/kafka", {"replicas": 3}, "'replicas' not allowed"),
    ("/image", {"name": "x"}, "'name' not allowed"),
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
    ("/ingress/host", ["a"], "want string"),
    ("/settings/limits/sessionsPerPod", "many", "got string"),
    ("/settings/drain/graceSeconds", "20s", "got string"),
    ("/settings/kafka/bootstrapServers", 9092, "got number"),
    # -- not one of the choices -------------------------------------------------------------------------------------
    ("/image/pullPolicy", "Sometimes", "'Always', 'IfNotPresent', 'Never'"),
    ("/ingress/preset", "istio", "'none', 'gateway-api', 'envoy-gateway'"),
    ("/ingress/sticky/sameSite", "none", "'', 'Lax', 'Strict', 'None'"),
    ("/ingress/gateway/affinity", "ip", "'sessionPersistence', 'consistentHash'"),
    ("/ingress/haproxy/controller", "other", "'haproxytech', 'haproxy-ingress'"),
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
    ("/fullnameOverride", "Real_Time", "does not match pattern"),
    ("/image/digest", "abc", "sha256"),
    ("/image/tag", "a b", "does not match pattern"),
    ("/gateway/podDisruptionBudget/maxUnavailable", "half", "[0-9]+%"),
    ("/monitoring/podMonitor/interval", "10", "(ms|s|m)"),
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
