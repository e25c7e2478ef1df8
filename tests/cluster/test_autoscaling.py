"""What scales and what watches, before a real API server: what it takes, and what an upgrade leaves as it is."""

import json
from typing import Any

import pytest

from parts.kubernetes.clients import CHART, Helm, Kubectl, Refused

pytestmark = pytest.mark.timeout(300)

NEEDED = {
    "auth": {"secret": "a secret of the tests, of more than 32 bytes"},
    "settings": {"kafka": {"bootstrapServers": "kafka:9092"}},
    "redis": {"url": "redis://redis:6379/0"},
}
ON = {"enabled": True}
KEDA = {"enabled": True, "kind": "keda", "keda": {"prometheusAddress": "http://prometheus:9090"}}


def scaled(**autoscaling: Any) -> dict[str, Any]:
    return NEEDED | {"gateway": {"autoscaling": ON | autoscaling}}


@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
async def test_operators_would_take_all_that_they_are_given(helm: Helm, kubectl: Kubectl, monitor: str) -> None:
    """Strictly by the definitions of the Prometheus operator and of KEDA: no field that they do not know."""
    monitoring = {monitor: ON, "prometheusRule": ON, "dashboards": ON, "cluster": "production-1"}
    keda = KEDA | {"kafkaLagRecords": 1_000}
    from_kafka = keda | {"keda": KEDA["keda"] | {"lagFrom": "kafka", "kafkaAuthentication": {"name": "kafka"}}}
    values = NEEDED | {
        "tests": {"enabled": False},
        "monitoring": monitoring,
        "gateway": {"autoscaling": KEDA},
        "intake": {"enabled": True, "autoscaling": from_kafka if monitor == "podMonitor" else keda},
    }

    rendered = await helm("template", "realtime", str(CHART), "--values=-", stdin=json.dumps(values))
    taken = await kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered)

    for made in (f"{monitor.lower()}.monitoring.coreos.com/realtime", "prometheusrule.monitoring.coreos.com/realtime"):
        assert f"{made} created" in taken
    assert taken.count("scaledobject.keda.sh/realtime") == 2


async def test_an_install_begins_with_the_fewest_pods_and_an_upgrade_keeps_as_many_as_there_are(
    helm: Helm, kubectl: Kubectl
) -> None:
    await helm.install("realtime", scaled(minReplicas=4))
    # The controller would raise 1 to 4 as well, in its own time, and that would be the second generation.
    first = await kubectl.get("deployment", "realtime")
    assert (first["spec"]["replicas"], first["metadata"]["generation"]) == (4, 1)

    await kubectl("scale", "deployment/realtime", "--replicas=7")
    await helm.upgrade("realtime", scaled(minReplicas=4) | {"service": {"labels": {"team": "shop"}}})
    assert (await kubectl.get("deployment", "realtime"))["spec"]["replicas"] == 7


async def test_scaling_that_is_turned_on_later_begins_from_what_there_is(helm: Helm, kubectl: Kubectl) -> None:
    await helm.install("realtime", NEEDED | {"gateway": {"replicas": 6}})
    await helm.upgrade("realtime", scaled())
    assert (await kubectl.get("deployment", "realtime"))["spec"]["replicas"] == 6


async def test_a_second_autoscaler_of_the_same_pods_is_refused_and_the_way_out_is_told(
    helm: Helm, kubectl: Kubectl
) -> None:
    await helm.install("realtime", scaled())
    keda = NEEDED | {"gateway": {"autoscaling": KEDA}}

    with pytest.raises(Refused, match=rf"kubectl -n {kubectl.namespace} delete hpa realtime"):
        await helm.upgrade("realtime", keda)

    await kubectl("delete", "hpa", "realtime")
    await helm.upgrade("realtime", keda)
    assert [each["kind"] for each in await kubectl.list("hpa,scaledobjects")] == ["ScaledObject"]
    await helm.upgrade("realtime", scaled())
    assert [each["kind"] for each in await kubectl.list("hpa,scaledobjects")] == ["HorizontalPodAutoscaler"]
