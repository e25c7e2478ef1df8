"""A real HorizontalPodAutoscaler counts what live pods tell, by the real prometheus-adapter."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from parts.fixtures import Connect, StartPod
from parts.helm_values import minimal
from parts.kubernetes.adapter import Adapter
from parts.kubernetes.clients import Helm, Kubectl
from parts.prometheus import Prometheus, Target
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def test_pods_become_more_by_the_connections_of_live_ones(
    helm: Helm,
    kubectl: Kubectl,
    start_pod: StartPod,
    topics: Topics,
    connect: Connect,
    issuer: Issuer,
    tmp_path: Path,
) -> None:
    told = await helm.install(
        "realtime",
        minimal(
            gateway={
                "autoscaling": {
                    "enabled": True,
                    "minReplicas": 2,
                    "maxReplicas": 6,
                    "connectionsPerPod": 2,
                    "cpuUtilizationPercent": None,
                    "kafkaLagRecords": 100,
                }
            }
        ),
    )
    assert "connectionsPerPod needs custom.metrics.k8s.io, which this cluster does not serve" in told
    assert "kafkaLagRecords needs external.metrics.k8s.io, which this cluster does not serve" in told

    async def says(*words: str) -> bool:
        described = await kubectl("describe", "hpa", "realtime")
        return all(word in described for word in words)

    async def all_pods_are_made() -> list[str]:
        names = [pod["metadata"]["name"] for pod in await kubectl.list("pods")]
        return names if len(names) == 2 else []

    names = await eventually(all_pods_are_made, 60, "there are two pods")
    for name in names:
        # There is no node that could run it: it runs below, on its own.
        running = {"phase": "Running", "startTime": _now(), "conditions": [_ready()]}
        await kubectl(
            "patch", "pod", name, "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': running})}"
        )
    await eventually(lambda: says("FailedGetPodsMetric", "no custom metrics API"), 60, "the missing adapter is told of")

    live = [await start_pod(), await start_pod()]
    places = [{"namespace": kubectl.namespace, "pod": name} for name in names]
    targets = [Target(f"127.0.0.1:{pod.port}", place) for pod, place in zip(live, places, strict=True)]
    prometheus = Prometheus(tmp_path / "prometheus", targets, scrape_interval_seconds=0.5)
    adapter = Adapter(tmp_path / "adapter", prometheus.url, kubectl.config)
    try:
        await prometheus.start()
        await adapter.start()
        await kubectl.apply(*adapter.registration(kubectl.namespace))
        async with topics.producer() as producer:
            order = {"orderId": "o-1", "userId": "u-1", "status": "shipped"}
            await producer.send_and_wait(topics.name("order.updated"), json.dumps(order).encode())
        # An average of 2.5, where 2 are meant for each.
        for number in range(5):
            await connect(live[number % 2].url, issuer.token(f"u-{number}"))

        async def counted() -> bool:
            status = (await kubectl.get("hpa", "realtime")).get("status", {})
            metrics = {each["type"]: each for each in status.get("currentMetrics", []) if each["type"]}
            return (
                status.get("desiredReplicas") == 3
                and "External" in metrics
                and metrics["External"]["external"]["current"]["averageValue"] == "0"
            )

        await eventually(counted, 90, "three pods are wanted for five connections, and none for the lag")
        assert (await kubectl.get("deployment", "realtime"))["spec"]["replicas"] == 3
    finally:
        print(await kubectl("describe", "hpa", "realtime"))
        # First: an API that nobody serves holds up the end of namespaces.
        await kubectl("delete", "apiservices", "--selector=part-of=prometheus-adapter")
        await adapter.kill()
        await prometheus.kill()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ready() -> dict[str, str]:
    return {"type": "Ready", "status": "True", "lastTransitionTime": _now()}
