"""Services, network policies, disruption budgets."""

from typing import Any

import pytest

from parts.helm import render
from parts.helm_values import minimal
from parts.manifests import Manifest, deployments, one

SPLIT = minimal(intake={"enabled": True})


def policy(**values: Any) -> Manifest:
    spec: Manifest = one(render(minimal(networkPolicy=values)), "NetworkPolicy")["spec"]
    return spec


def selected(manifests: list[Manifest], selector: dict[str, str]) -> set[str]:
    """Names of what has pods with these labels."""
    pods = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in deployments(manifests)}
    pods |= {each["metadata"]["name"]: each["metadata"]["labels"] for each in manifests if each["kind"] == "Pod"}
    return {name for name, labels in pods.items() if selector.items() <= labels.items()}


def test_clients_are_sent_to_pods_with_sockets_alone() -> None:
    manifests = render(SPLIT)
    services = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "Service"}
    assert {name: selected(manifests, spec["selector"]) for name, spec in services.items()} == {
        "realtime": {"realtime"},
        "realtime-internal": {"realtime"},
        "realtime-intake": {"realtime-intake"},
    }


def test_services_say_what_is_spoken() -> None:
    for each in render(minimal()):
        if each["kind"] == "Service":
            assert each["spec"]["ports"] == [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP", "appProtocol": "http"}
            ]
    tls = render(minimal(http={"tls": {"existingSecret": {"name": "pods-tls"}}}))
    assert one(tls, "Service", "realtime")["spec"]["ports"][0]["appProtocol"] == "https"


def test_metrics_are_within_the_cluster_alone_however_clients_come() -> None:
    manifests = render(minimal(service={"type": "LoadBalancer"}))
    assert one(manifests, "Service", "realtime")["spec"]["type"] == "LoadBalancer"
    assert one(manifests, "Service", "realtime-internal")["spec"]["type"] == "ClusterIP"


def test_everybody_may_reach_our_port_and_no_other_unless_it_is_said_who() -> None:
    spec = policy()
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["ingress"] == [{"ports": [{"port": 3009, "protocol": "TCP"}]}]


def test_where_it_is_said_who_helm_test_may_too() -> None:
    proxies = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    manifests = render(minimal(networkPolicy={"ingressFrom": [proxies]}))
    first, second = one(manifests, "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert first == proxies
    assert selected(manifests, second["podSelector"]["matchLabels"]) == {"realtime-test"}


def test_the_policy_is_for_pods_of_the_service_alone() -> None:
    spec = one(render(SPLIT), "NetworkPolicy")["spec"]
    (expression,) = spec["podSelector"]["matchExpressions"]
    assert expression["values"] == ["gateway", "intake"]


def test_pods_may_speak_to_what_they_need() -> None:
    values = minimal(
        networkPolicy={"egress": {"enabled": True, "redis": {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}}},
        settings={"kafka": {"bootstrapServers": "k1:9093, k2:9094"}, "tracing": {"endpoint": "http://collector:4318"}},
        sentry={"dsn": "https://key@sentry.example/42"},
    )
    spec = one(render(values), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    rules = [([port["port"] for port in rule["ports"]], rule.get("to")) for rule in spec["egress"]]
    assert rules == [
        ([53, 53, 5353, 5353], None),
        ([9093, 9094], None),
        ([6379], [{"ipBlock": {"cidr": "10.1.0.0/16"}}]),
        ([4318, 443], None),
    ]


def test_it_may_be_said_which_name_servers_pods_ask() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}]
    rule = policy(egress={"enabled": True, "dns": {"ports": [5353], "to": peers}})["egress"][0]
    assert rule == {"ports": [{"port": 5353, "protocol": each} for each in ("UDP", "TCP")], "to": peers}


def test_a_sidecars_port_may_be_let_in_beside_ours() -> None:
    sidecar = {"ports": [{"port": 15020, "protocol": "TCP"}]}
    ours, extra = policy(extraIngress=[sidecar])["ingress"]
    assert ours["ports"] == [{"port": 3009, "protocol": "TCP"}]
    assert extra == sidecar


@pytest.mark.parametrize(
    ("endpoint", "port"), [("https://collector", 443), ("http://collector/v1/traces", 80), ("http://[::1]:4318", 4318)]
)
def test_the_collectors_port_is_known_from_its_url(endpoint: str, port: int) -> None:
    values = minimal(networkPolicy={"egress": {"enabled": True}}, settings={"tracing": {"endpoint": endpoint}})
    assert one(render(values), "NetworkPolicy")["spec"]["egress"][-1]["ports"][0]["port"] == port


def test_a_node_may_be_drained_one_pod_at_a_time() -> None:
    manifests = render(SPLIT)
    for name in ("realtime", "realtime-intake"):
        budget = one(manifests, "PodDisruptionBudget", name)["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        assert selected(manifests, budget["selector"]["matchLabels"]) == {name}


@pytest.mark.parametrize("budget", [{"minAvailable": 2}, {"minAvailable": "50%"}, {"minAvailable": 0}])
def test_a_budget_may_say_how_many_stay(budget: dict[str, Any]) -> None:
    manifests = render(minimal(gateway={"podDisruptionBudget": budget | {"maxUnavailable": None}}))
    spec = one(manifests, "PodDisruptionBudget")["spec"]
    assert spec["minAvailable"] == budget["minAvailable"]
    assert "maxUnavailable" not in spec


def test_what_is_switched_off_is_not_there() -> None:
    manifests = render(
        minimal(
            networkPolicy={"enabled": False},
            internalService={"enabled": False},
            serviceAccount={"create": False},
            tests={"enabled": False},
            gateway={"podDisruptionBudget": {"enabled": False}},
        )
    )
    assert sorted(each["kind"] for each in manifests) == ["ConfigMap", "Deployment", "Secret", "Service"]
    assert one(manifests, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "default"
