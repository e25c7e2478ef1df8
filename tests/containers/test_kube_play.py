"""What the chart renders, played by podman: its Deployment as a real pod, with its ConfigMap and its Secret.

podman 4.3 takes a part of Kubernetes' YAML. `_check_what_podman_makes_of_it` says which: what it leaves out here is
checked against Kubernetes' own schemas (tests/deploy) and a real API server (tests/cluster), and not by running it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from parts import containers
from parts.containers import podman, try_podman
from parts.fixtures import Connect
from parts.helm import render
from parts.helm_values import minimal
from parts.http import get
from parts.js_client import JsClient
from parts.ports import free_port
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, EVENT_TOPICS, Topics
from parts.waiting import eventually

pytestmark = pytest.mark.timeout(300)


class Played:
    """A release of the chart as podman runs it."""

    def __init__(self, manifests: list[dict[str, Any]], port: int, directory: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        by_kind = {manifest["kind"]: manifest for manifest in manifests}
        self.deployment, self._config_map, self._secret = (
            by_kind[kind] for kind in ("Deployment", "ConfigMap", "Secret")
        )
        # podman gives a pod on the host's network no ports, and refuses one that names some.
        self._spec["containers"][0].pop("ports")
        self.pod = f"{self.deployment['metadata']['name']}-pod-0"
        self.container = f"{self.pod}-realtime"
        self._directory = directory

    @property
    def _spec(self) -> dict[str, Any]:
        return self.deployment["spec"]["template"]["spec"]

    def start(self) -> None:
        # Of kind Secret, podman 4.3 stores what it cannot read again ("not valid JSON"): so it is given the data alone.
        secret = self._directory / "secret.json"
        secret.write_text(json.dumps(self._secret["data"]))
        podman("secret", "create", self._secret["metadata"]["name"], str(secret))
        file = self._directory / "manifests.yaml"
        file.write_text(yaml.safe_dump_all([self.deployment, self._config_map]))
        podman("kube", "play", "--network=host", str(file))

    def remove(self) -> None:
        try_podman("pod", "rm", "--force", "--time=10", self.pod)
        try_podman("secret", "rm", self._secret["metadata"]["name"])

    def inspect(self) -> dict[str, Any]:
        (inspected,) = json.loads(podman("inspect", self.container))
        return inspected

    async def is_ready(self) -> bool:
        response = await get(f"{self.url}/health/ready")
        return response is not None and response.status_code == 200


@pytest.fixture
def played(topics: Topics, redis_server: RedisServer, issuer: Issuer, tmp_path: Path) -> Iterator[Played]:
    repository, _, tag = containers.IMAGE.rpartition(":")
    port = free_port()
    names = {_camel(topic): topics.name(topic) for topic in EVENT_TOPICS}
    values = minimal(
        image={"repository": repository, "tag": tag},
        gateway={"replicas": 1},
        auth={"secret": issuer.signing_key},
        redis={"url": redis_server.url},
        settings={
            "auth": {"issuer": issuer.name, "audience": issuer.audience},
            "http": {"port": port},
            "redis": {"keyPrefix": topics.prefix},
            "drain": {"settleSeconds": 0},
            "kafka": {
                "bootstrapServers": topics.kafka.bootstrap_servers,
                "groupId": topics.group_id,
                "deadLetterTopic": topics.name(DEAD_LETTERS),
                "topics": names,
            },
        },
    )
    played = Played(render(values, release=f"realtime-test-{uuid4().hex[:6]}"), port, tmp_path)
    yield played
    played.remove()


def _camel(topic: str) -> str:
    first, second = topic.split(".")
    return first + second.capitalize()


async def test_an_event_in_kafka_reaches_a_stock_client_through_the_rendered_pod(
    played: Played, topics: Topics, issuer: Issuer, connect: Connect
) -> None:
    played.start()
    await eventually(played.is_ready, 60, "the pod is ready")
    client = await connect(played.url, issuer.token("alice"), by=JsClient)
    assert (await client.command("subscribe:orders"))["ok"]
    event = {"orderId": "o-1", "buyerId": "alice", "status": "shipped"}
    await topics.produce("order.updated", event, key="o-1")
    assert (await client.wait_for_event("order:updated", timeout_seconds=30)).args[0]["orderId"] == "o-1"
    response = await get(f"{played.url}/health")
    assert response is not None
    assert response.json()["podName"] == played.pod  # by the downward API
    _check_what_podman_makes_of_it(played)
    podman("pod", "stop", "--time=60", played.pod)
    assert played.inspect()["State"]["ExitCode"] == 0
    assert '"event": "sessions_moved"' in try_podman("logs", played.container).stdout


def _check_what_podman_makes_of_it(played: Played) -> None:
    container = played.inspect()
    host, config = container["HostConfig"], container["Config"]

    # What it takes.
    assert config["User"] == "10001:10001"
    assert host["ReadonlyRootfs"] is True
    assert not container["EffectiveCaps"]
    assert not container["BoundingCaps"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == 1 << 30
    assert [mount["Destination"] for mount in container["Mounts"]] == ["/tmp"]
    assert "REALTIME_AUTH__SECRET" in " ".join(config["Env"])
    status = Path(f"/proc/{container['State']['Pid']}/status").read_text()
    assert "Seccomp:\t2" in status

    # What it leaves out: the grace period, the share of the processor, and all probes but the one for life, of which
    # it makes a curl (there is none inside) at port 0 (it does not look up a port's name).
    assert config["StopTimeout"] == 10
    assert host["CpuShares"] == 0
    assert "curl" in config["Healthcheck"]["Test"]
    assert "HTTP://localhost:0/health/live" in config["Healthcheck"]["Test"]
