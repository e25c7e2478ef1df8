"""What autoscalers are told to ask for, asked of a real Prometheus that scrapes live pods."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from parts import prometheus_adapter
from parts.fixtures import Connect, StartPod
from parts.helm import render
from parts.helm_values import minimal
from parts.manifests import one
from parts.pod import Pod
from parts.prometheus import NAMESPACE, Prometheus
from parts.redis_server import RedisServer
from parts.scrape import metrics, total
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

# The fixtures call their pods `pod-3f2a`: as if a Deployment of this name had made them.
DEPLOYMENT = "pod"
PER_POD = 1_000
RECORDS = 300


def _scaling(**autoscaling: Any) -> list[dict[str, Any]]:
    scaling = {"enabled": True, "kafkaLagRecords": PER_POD, **autoscaling}
    return render(minimal(fullnameOverride=DEPLOYMENT, gateway={"autoscaling": scaling}), namespace=NAMESPACE)


def queries() -> dict[str, str]:
    """All that is asked of Prometheus for an autoscaler, but for one pod's connections."""
    pods, _, lag = one(_scaling(), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert pods["pods"]["metric"]["name"] in prometheus_adapter.rules("custom")
    external = lag["external"]["metric"]
    keda = _scaling(kind="keda", keda={"prometheusAddress": "http://prometheus:9090"})
    asked = {
        f"keda {each['name']}": each["metadata"]["query"]
        for each in one(keda, "ScaledObject")["spec"]["triggers"]
        if each["type"] == "prometheus"
    }
    labels = external["selector"]["matchLabels"]
    return asked | {"adapter lag": prometheus_adapter.external(external["name"], NAMESPACE, labels)}


@pytest.fixture
async def pods(start_pod: StartPod, own_redis: RedisServer) -> list[Pod]:
    """Two pods over a Redis of their own, whose absence they notice soon."""
    redis = {"REALTIME_REDIS__URL": own_redis.url}
    return [await start_pod(**redis), await start_pod(**redis)]


@pytest.fixture
async def prometheus(pods: list[Pod], tmp_path: Path) -> AsyncIterator[Prometheus]:
    prometheus = Prometheus(tmp_path / "prometheus", pods, scrape_interval_seconds=0.5)
    try:
        await prometheus.start()
        await prometheus.has_scraped()
        yield prometheus
    finally:
        await prometheus.kill()


async def _produce(topics: Topics) -> None:
    """Until a partition's first record has been published, its lag is not told."""
    async with topics.producer() as producer:
        for number in range(RECORDS):
            order = {"orderId": f"o-{number}", "userId": f"u-{number}", "status": "shipped"}
            await producer.send(topics.name("order.updated"), json.dumps(order).encode(), key=str(number).encode())


async def test_every_metric_that_an_autoscaler_names_is_told_by_a_pod(pod: Pod, topics: Topics) -> None:
    await _produce(topics)
    asked = [*queries().values(), prometheus_adapter.of_pods("realtime_connections", NAMESPACE, [pod.name])]
    for kind in ("custom", "external"):
        asked += [rule["seriesQuery"] for rule in prometheus_adapter.rules(kind).values()]
    named = set(re.findall(r"\brealtime_\w+", " ".join(asked)))

    async def all_told() -> bool:
        return named <= {name for name, _ in await metrics(pod)}

    assert named == {"realtime_connections", "realtime_kafka_consumer_lag_records", "realtime_breaker_state"}
    await eventually(all_told, 30, f"{pod.name} tells all of {named}")


async def test_connections_are_told_for_each_pod_over_all_transports_and_for_all_together(
    pods: list[Pod], prometheus: Prometheus, connect: Connect, issuer: Issuer
) -> None:
    full, other = pods
    await connect(full.url, issuer.token("a"), transports=["websocket"])
    await connect(full.url, issuer.token("b"), transports=["polling"])
    await connect(other.url, issuer.token("c"))
    of_pods = prometheus_adapter.of_pods("realtime_connections", NAMESPACE, [each.name for each in pods])

    async def told() -> bool:
        samples = await prometheus.query(of_pods)
        # The adapter finds the pod that a value is of by this label, and takes no second value of a pod.
        return sorted((each.labels["pod"], each.value) for each in samples) == sorted(
            [(full.name, 2.0), (other.name, 1.0)]
        )

    await eventually(told, 20, "each pod's connections are told once")
    (series,) = {rule["seriesQuery"] for rule in prometheus_adapter.rules("custom").values()}
    assert await prometheus.query(series), "the adapter finds the series"
    assert await prometheus.value(queries()["keda connections"]) == 3


async def test_lag_is_told_while_it_helps_to_have_more_pods_and_not_while_redis_is_away(
    pods: list[Pod], prometheus: Prometheus, topics: Topics, own_redis: RedisServer
) -> None:
    lags = {name: query for name, query in queries().items() if name.endswith("lag")}
    assert set(lags) == {"keda lag", "adapter lag"}
    (series,) = {rule["seriesQuery"] for rule in prometheus_adapter.rules("external").values()}

    async def answers() -> set[float | None]:
        return {await prometheus.value(query) for query in lags.values()}

    async def all_taken_in() -> bool:
        return bool(await prometheus.query(series)) and await answers() == {0.0}

    await _produce(topics)
    await eventually(all_taken_in, 30, "all is taken in, and that is told")

    own_redis.pause()
    await _produce(topics)

    async def is_behind_and_not_told() -> bool:
        behind = sum([await total(pod, "realtime_kafka_consumer_lag_records") for pod in pods])
        return behind > 0 and await answers() == {None}

    await eventually(is_behind_and_not_told, 60, "records wait for Redis, and no pod is asked for")

    own_redis.resume()
    await eventually(all_taken_in, 60, "they are taken in, and that is told again")
