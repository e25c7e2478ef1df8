"""Three containers of the image behind haproxy, over real Kafka and real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from parts.containers import ContainerPod
from parts.fixtures import Connect
from parts.http import get
from parts.js_client import JsClient
from parts.kafka import Kafka
from parts.pod import Cluster
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import EVENT_TOPICS, Topics
from parts.waiting import eventually
from realtime.demo.headless import run_headless
from realtime.demo.pods import DemoPod, DemoPods
from realtime.demo.shop import Shop
from realtime.settings import AuthSettings, KafkaSettings

USERS = [f"user-{number}" for number in range(6)]
EVENTS = 1_200
EVENTS_PER_SECOND = 60

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
async def cluster(kafka: Kafka, redis_server: RedisServer, issuer: Issuer, tmp_path: Path) -> AsyncIterator[Cluster]:
    topics = Topics(kafka, f"t{uuid4().hex[:8]}")
    await topics.create()
    async with Cluster(tmp_path, topics, redis_server, issuer, pods=3, pod_type=ContainerPod) as running:
        yield running
    await topics.delete()


async def test_the_headless_check_passes_through_haproxy(cluster: Cluster) -> None:
    """The one of `realtime demo --headless`: who hears what, in order, once, over both transports."""
    issuer, topics = cluster.issuer, cluster.topics
    auth = AuthSettings(secret=issuer.signing_key, issuer=issuer.name, audience=issuer.audience)
    named = {topic.replace(".", "_"): topics.name(topic) for topic in EVENT_TOPICS}
    settings = KafkaSettings(bootstrap_servers=topics.kafka.bootstrap_servers, topics=named)
    producer = AIOKafkaProducer(bootstrap_servers=topics.kafka.bootstrap_servers)
    async with aiohttp.ClientSession() as http, producer:
        # They are asked over HTTP alone; whose children they are makes no difference.
        pods = DemoPods([DemoPod(pod.name, pod.port, child=None) for pod in cluster.pods], http)
        for pod in pods:
            assert await pods.look(pod)
        # By a name: aiohttp's clients take no cookies, which haproxy knows them by, from an address.
        url = cluster.url.replace("127.0.0.1", "localhost")
        outcome = await run_headless(url, Shop(producer, settings), pods, auth)
    print(outcome.table)
    assert outcome.faults == []
    assert outcome.facts > 100
    assert all(pod.name in outcome.table for pod in cluster.pods)


async def test_a_container_that_is_killed_meanwhile_loses_nothing_and_one_that_leaves_moves_its_clients(
    cluster: Cluster, connect: Connect
) -> None:
    clients = {user: await _follow(cluster, connect, user) for user in USERS}
    producing = asyncio.create_task(_produce(cluster))
    killed, leaving, _ = cluster.pods

    first = clients[USERS[0]]
    await first.wait_for_event("order:updated", EVENTS // len(USERS) // 4, timeout_seconds=60)
    assert await _sessions(killed.url) > 0
    await killed.kill()
    await first.wait_for_event("order:updated", EVENTS // len(USERS) // 2, timeout_seconds=60)
    assert await leaving.terminate() == 0
    assert '"event": "sessions_moved"' in leaving.log.read_text()
    await producing

    for user, client in clients.items():
        due = [str(number) for number in range(EVENTS) if USERS[number % len(USERS)] == user]
        await eventually(lambda client=client, due=due: len(_heard(client)) >= len(due), 60, f"{user} has heard all")
        assert _heard(client) == due
    moved = [client for client in clients.values() if client.events("server:draining")]
    assert moved, "somebody was on the pod that left"
    await eventually(lambda: all(client.sid is not None for client in moved), 20, "they are on another pod")


async def _follow(cluster: Cluster, connect: Connect, user: str) -> JsClient:
    client = await connect(
        cluster.url, cluster.issuer.token(user), by=JsClient, reconnects=True, auth={"recovery": True}
    )
    assert isinstance(client, JsClient)
    assert (await client.command("subscribe:orders"))["ok"]
    return client


async def _produce(cluster: Cluster) -> None:
    """Write numbered events at an even pace, each user's own in one partition."""
    started = asyncio.get_running_loop().time()
    async with cluster.topics.producer() as producer:
        for number in range(EVENTS):
            user = USERS[number % len(USERS)]
            event = {"orderId": f"o-{user}", "buyerId": user, "status": "shipped", "trackingNumber": str(number)}
            await producer.send_and_wait(
                cluster.topics.name("order.updated"), json.dumps(event).encode(), key=user.encode()
            )
            due = started + number / EVENTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def _heard(client: JsClient) -> list[str]:
    return [heard.args[0]["trackingNumber"] for heard in client.events("order:updated")]


async def _sessions(url: str) -> float:
    response = await get(f"{url}/metrics")
    assert response is not None
    lines = [line for line in response.text.splitlines() if line.startswith("realtime_connections{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
