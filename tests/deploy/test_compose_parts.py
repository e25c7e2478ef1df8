"""compose.yaml as far as it can be run without Docker: its variables, its haproxy and its topics with real parts."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from parts.child import Child
from parts.collector import Collector
from parts.compose import HERE, Compose
from parts.fixtures import Connect
from parts.haproxy import haproxy_name
from parts.http import get
from parts.kafka_image import KafkaOfImage
from parts.needs import need
from parts.pod import Pod
from parts.ports import free_port
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.demo.tokens import sign_token
from realtime.settings import AuthSettings

SERVICES = Compose.load().services


class HaproxyOfCompose(Child):
    """haproxy by deploy/compose/haproxy.cfg: its addresses, and nothing else, are moved to loopback."""

    part = "haproxy"

    def __init__(self, directory: Path, pods: Mapping[str, int]) -> None:
        self.port, self._alive_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._configuration = directory / "haproxy.cfg"
        text = (HERE / "haproxy.cfg").read_text()
        moved = {"bind :3009": f"bind 127.0.0.1:{self.port}", "127.0.0.1:3010": f"127.0.0.1:{self._alive_port}"}
        moved |= {f" {pod}:3009 ": f" 127.0.0.1:{port} " for pod, port in pods.items()}
        for old, new in moved.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        directory.mkdir(parents=True)
        self._configuration.write_text(text)
        super().__init__(haproxy_name(), [need("haproxy"), "-db", "-f", str(self._configuration)], directory)

    async def is_ready(self) -> bool:
        response = await get(f"http://127.0.0.1:{self._alive_port}/alive")
        return response is not None and response.status_code == 200


@pytest.fixture
async def kafka_of_compose(tmp_path: Path) -> AsyncIterator[KafkaOfImage]:
    kafka = KafkaOfImage(tmp_path / "kafka", SERVICES["kafka"]["environment"], "CLIENTS")
    try:
        await kafka.start()
        # What the service `topics` does, by another program.
        environment = SERVICES["topics"]["environment"]
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await admin.start()
        names, partitions = environment["TOPICS"].split(), int(environment["PARTITIONS"])
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        await admin.close()
        yield kafka
    finally:
        await kafka.kill()


@pytest.fixture
async def valkey_of_compose(tmp_path: Path) -> AsyncIterator[RedisServer]:
    program, *options = SERVICES["valkey"]["command"]
    assert program == "valkey-server"
    server = RedisServer(tmp_path / "valkey", *options)
    await server.start()
    yield server
    await server.kill()


@pytest.mark.timeout(240)
async def test_an_event_goes_through_it_and_polling_clients_outlive_a_pod(
    kafka_of_compose: KafkaOfImage, valkey_of_compose: RedisServer, connect: Connect, tmp_path: Path
) -> None:
    with Collector() as collector:
        # All as in compose.yaml, but for the addresses.
        moved = {
            "REALTIME_KAFKA__BOOTSTRAP_SERVERS": kafka_of_compose.bootstrap_servers,
            "REALTIME_REDIS__URL": valkey_of_compose.url,
            "REALTIME_TRACING__ENDPOINT": collector.url,
        }
        names = [name for name in SERVICES if name.startswith("realtime-")]
        pods = {name: Pod(name, tmp_path / name, SERVICES[name]["environment"] | moved) for name in names}
        haproxy = HaproxyOfCompose(tmp_path / "haproxy", {name: pod.port for name, pod in pods.items()})
        try:
            await asyncio.gather(haproxy.start(), *(pod.start() for pod in pods.values()))
            # It has looked for the pods before they were there, and looks again once a second.
            await eventually(lambda: answers(haproxy.url), 30, "haproxy knows that there are pods")
            auth = AuthSettings.model_validate(
                {"secret": SERVICES["realtime-1"]["environment"]["REALTIME_AUTH__SECRET"]}
            )
            clients = [
                await connect(haproxy.url, sign_token(auth, "u-1"), transports=transports, reconnects=True)
                for transports in (["polling"], ["polling"], ["polling", "websocket"], ["websocket"])
            ]
            for client in clients:
                assert (await client.command("subscribe:orders", {}))["ok"]
            await produce(kafka_of_compose, "o-1")
            for client in clients:
                await client.wait_for_event("order:updated", timeout_seconds=30)
            await eventually(lambda: collector.named("publish"), 15, "the collector has heard of it")

            assert await pods["realtime-1"].terminate() == 0
            # Whoever was on it comes back to the other one, and follows anew.
            for client in clients:
                await eventually(lambda client=client: client.sid, 30, f"{client} is connected")
                assert (await client.command("subscribe:orders", {}))["ok"]
            await produce(kafka_of_compose, "o-2")
            for client in clients:
                await client.wait_for(
                    lambda heard: heard.name == "order:updated" and heard.args[0]["orderId"] == "o-2", 30
                )
        finally:
            for child in (haproxy, *pods.values()):
                await child.kill()


async def answers(url: str) -> bool:
    response = await get(f"{url}/health/ready")
    return response is not None and response.status_code == 200


async def produce(kafka: KafkaOfImage, order: str) -> None:
    event = {"orderId": order, "buyerId": "u-1", "status": "shipped"}
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    try:
        await producer.send_and_wait("order.updated", json.dumps(event).encode(), key=order.encode())
    finally:
        await producer.stop()
