"""What came for a user who was away is delivered at the next connect: once, in order, within bounds; and who is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from e2e.test_recovery import Orders, are_published, connects, follow, numbers, watch
from parts.clients import Client
from parts.fixtures import Connect
from parts.http import get
from parts.kafka import Kafka
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

WAIT_FOR_MOST = 10
# What a pod's death may take until everybody knows: the lease, and a machine that is busy.
KNOWN_WITHIN_SECONDS = 15


@pytest.fixture
async def short_of_memory(
    kafka: Kafka, own_redis: RedisServer, issuer: Issuer, topics: Topics, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Two pods that keep little, over a Redis of their own."""
    settings = {
        "REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM": "50",
        "REALTIME_OFFLINE__MAX_MESSAGES": str(WAIT_FOR_MOST),
    }
    async with Cluster(tmp_path, topics, own_redis, issuer, pods=2, settings=settings) as running:
        yield running


@pytest.fixture
async def forgetful(
    kafka: Kafka, redis_server: RedisServer, issuer: Issuer, topics: Topics, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Two pods that keep things for a second."""
    settings = {"REALTIME_HISTORY__RETENTION_SECONDS": "1", "REALTIME_OFFLINE__MAX_AGE_SECONDS": "1"}
    async with Cluster(tmp_path, topics, redis_server, issuer, pods=2, settings=settings) as running:
        yield running


async def welcome_of(client: Client, count: int = 1) -> dict[str, Any]:
    data: dict[str, Any] = (await client.wait_for_event("connection:success", count, 20)).args[0]
    return data


async def devices(pod: Pod, cluster: Cluster, user: str) -> list[dict[str, Any]]:
    token = cluster.issuer.token("root", "admin")
    response = await get(f"{pod.url}/realtime/stats?userId={user}&token={token}")
    assert response is not None
    listed: list[dict[str, Any]] = response.json()["devices"]
    return listed


async def leaves(client: Client, cluster: Cluster, user: str, left: int = 0) -> None:
    """Close a client, and wait until its pod has told so."""
    await client.close()

    async def are_few() -> bool:
        return len(await devices(cluster.pods[-1], cluster, user)) == left

    await eventually(are_few, KNOWN_WITHIN_SECONDS, "its pod has told that it left")


# -- bounds ---------------------------------------------------------------------------------------------------------


async def test_what_waits_is_bounded_and_what_cannot_be_had_is_told(
    short_of_memory: Cluster, own_redis: RedisServer, connect: Connect, user: str
) -> None:
    cluster, token = short_of_memory, short_of_memory.issuer.token(user)
    orders, watcher = Orders(cluster, user), await watch(cluster, connect)

    # The newest wait for who was away.
    first = await connect(cluster.url, token)
    await welcome_of(first)
    await leaves(first, cluster, user)
    await orders.happen(20)
    await are_published(orders, user, watcher)
    back = await connect(cluster.url, token)
    welcome = await welcome_of(back)
    assert (welcome["missed"], welcome["hasMore"]) == (WAIT_FOR_MOST, True)
    await back.wait_for_event("notification", WAIT_FOR_MOST // 2)
    assert numbers(back) == numbers(back, "notification") == [16, 17, 18, 19, 20]
    await eventually(lambda: len(back.heard) >= WAIT_FOR_MOST + 2, 10, "it has heard all")
    await leaves(back, cluster, user)

    # More was missed than is kept.
    client = await follow(cluster, connect, user)
    assert (await welcome_of(client))["missed"] == 0
    await client.drop(reconnects=False)
    await client.wait_for(lambda heard: heard.kind == "disconnect")
    await orders.happen(300)
    await are_published(orders, user, watcher)
    await client.come_back()
    await connects(client, 2)
    welcome = await welcome_of(client, 2)
    assert (client.recovered, welcome["recovered"], welcome["reason"]) == (False, False, "history_trimmed")
    assert (welcome["missed"], welcome["rooms"]) == (WAIT_FOR_MOST, [f"user:{user}"])

    # Redis has lost its data.
    await client.drop(reconnects=False)
    await client.wait_for(lambda heard: sum(h.kind == "disconnect" for h in client.heard) == 2)
    await own_redis.kill()
    await own_redis.start(forget=True)
    await cluster.haproxy.sees(*(pod.name for pod in cluster.pods))
    await client.come_back()
    await connects(client, 3)
    welcome = await welcome_of(client, 3)
    assert (client.recovered, welcome["recovered"]) == (False, False)
    assert welcome["reason"] in {"history_lost", "unknown_session"}
    assert (await connect(cluster.url, token, auth={"offset": welcome["offset"]})).heard
    lost = await connect(cluster.url, token, auth={"offset": "another:1"})
    assert (await welcome_of(lost))["reason"] == "history_lost"


async def test_what_is_too_old_does_not_wait_and_is_told_to_who_asks_for_it(
    forgetful: Cluster, connect: Connect, user: str
) -> None:
    cluster, token = forgetful, forgetful.issuer.token(user)
    orders, watcher = Orders(cluster, user), await watch(cluster, connect)
    client = await connect(cluster.url, token)
    offset = (await welcome_of(client))["offset"]
    await leaves(client, cluster, user)
    await orders.happen(2)
    await are_published(orders, user, watcher)
    published_at = time.monotonic()
    await eventually(lambda: time.monotonic() > published_at + 2.5, 10, "time passes")
    back = await connect(cluster.url, token)
    assert (await welcome_of(back))["missed"] == 0
    asks = await connect(cluster.url, token, auth={"offset": offset})
    welcome = await welcome_of(asks)
    assert (welcome["recovered"], welcome["reason"], welcome["missed"]) == (False, "history_expired", 0)


# -- devices --------------------------------------------------------------------------------------------------------


async def test_of_several_devices_that_come_at_once_one_is_told(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, token = Orders(cluster, user), cluster.issuer.token(user)
    watcher = await watch(cluster, connect)
    await orders.happen(3)
    await are_published(orders, user, watcher)
    clients = await asyncio.gather(*(connect(cluster.url, token) for _ in range(6)))
    missed = [(await welcome_of(client))["missed"] for client in clients]
    assert sorted(missed) == [0, 0, 0, 0, 0, 6]
    (told,) = [client for client, count in zip(clients, missed, strict=True) if count]
    await told.wait_for_event("notification", 3)
    assert numbers(told) == numbers(told, "notification") == [1, 2, 3]
    listed = await devices(cluster.pods[0], cluster, user)
    assert {device["deviceId"] for device in listed} == {client.sid for client in clients}
    assert {device["transport"] for device in listed} == {"websocket"}
    await orders.happen()
    for client in clients:
        await client.wait_for(lambda heard: heard.name == "notification" and heard.args[0]["orderId"] == "o-4")


async def test_who_vanishes_while_it_is_told_is_owed_all_of_it(cluster: Cluster, connect: Connect, user: str) -> None:
    orders, token = Orders(cluster, user), cluster.issuer.token(user)
    watcher = await watch(cluster, connect)
    await orders.happen(40)
    await are_published(orders, user, watcher)
    url = cluster.url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        heard = 0
        while heard < 10:
            packet = await socket.receive_str()
            if packet.startswith("0"):
                await socket.send_str(f'40{{"token":"{token}"}}')
            heard += packet.startswith('42["notification"')
        # The rest lies in the kernel's buffers; it never reads it, nor answers the ping behind it.
        socket._response.connection.transport.abort()

    async def nobody_is_there() -> bool:
        return await devices(cluster.pods[0], cluster, user) == []

    await eventually(nobody_is_there, KNOWN_WITHIN_SECONDS, "its pod has noticed")
    back = await connect(cluster.url, token)
    assert (await welcome_of(back))["missed"] == 80
    await back.wait_for_event("notification", 40)
    assert numbers(back) == numbers(back, "notification") == list(range(1, 41))


async def test_after_a_pods_death_its_users_are_away_within_seconds(
    own_cluster: Cluster, connect: Connect, user: str
) -> None:
    cluster, token = own_cluster, own_cluster.issuer.token(user)
    dying, other, third = cluster.pods
    orders = Orders(cluster, user)
    watcher = await connect(third.url, cluster.issuer.token("root", "admin"))
    await watcher.command("subscribe:admin")
    client = await connect(dying.url, token)
    await client.command("subscribe:orders")
    await orders.happen(3)
    await client.wait_for_event("notification", 3, 20)
    assert [device["deviceId"] for device in await devices(other, cluster, user)] == [client.sid]
    await dying.kill()

    async def nobody_is_there() -> bool:
        return await devices(other, cluster, user) == []

    await eventually(nobody_is_there, KNOWN_WITHIN_SECONDS, "its devices are gone")
    await orders.happen(3)
    await are_published(orders, user, watcher)
    back = await connect(other.url, token)
    assert (await welcome_of(back))["missed"] >= 6
    await back.wait_for(lambda heard: heard.name == "notification" and heard.args[0]["orderId"] == "o-6")
    # How far the dead pod had told is known up to its last lease: what came after that is told again.
    assert numbers(back, "notification") == list(range(7 - len(numbers(back, "notification")), 7))
    assert [device["podId"] for device in await devices(third, cluster, user)] == [back.sid.rpartition(".")[2]]
