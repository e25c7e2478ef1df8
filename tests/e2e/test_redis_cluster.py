"""Two pods over a Redis Cluster: clients in rooms of many shards lose nothing when a node does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.test_recovery import Orders, are_published, connects, follow, is_told, numbers, watch
from parts.clients import Client
from parts.fixtures import Connect
from parts.kafka import Kafka
from parts.pod import Cluster
from parts.redis_cluster import RedisCluster
from parts.tokens import Issuer
from parts.topics import Topics
from realtime.protocol.rooms import shard_of
from realtime.redis.keys import Keys

SHARDS = 5


@pytest.fixture
async def cluster(
    kafka: Kafka, own_redis_cluster: RedisCluster, issuer: Issuer, topics: Topics, tmp_path: Path
) -> AsyncIterator[Cluster]:
    settings = {"REALTIME_REDIS__SHARDS": str(SHARDS), "REALTIME_REDIS__CONNECT_TIMEOUT_SECONDS": "1"}
    async with Cluster(tmp_path, topics, own_redis_cluster, issuer, pods=2, settings=settings) as running:
        yield running


async def test_the_stock_client_recovers_in_all_its_shards_when_a_node_is_killed(
    cluster: Cluster, own_redis_cluster: RedisCluster, connect: Connect, user: str
) -> None:
    key = Keys(cluster.topics.prefix, shard_of(f"user:{user}", SHARDS)).epoch
    orders, client = Orders(cluster, user), await follow(cluster, connect, user)
    assert (await client.command("subscribe:inventory"))["ok"]
    others = {shard_of(f"user:{user}-{n}", SHARDS): f"{user}-{n}" for n in range(100)}
    assert len(others) == SHARDS
    following = [(Orders(cluster, other), await follow(cluster, connect, other)) for other in others.values()]
    away, admin = Orders(cluster, f"{user}-away"), await watch(cluster, connect)
    gone = await follow(cluster, connect, f"{user}-away")

    await orders.happen(3)
    await stock(cluster, 1, 4)
    for of_other, _ in following:
        await of_other.happen(2)
    await is_told(client, orders)
    await hears_stock(client, 1, 4)

    await gone.drop(reconnects=False)
    await client.drop(reconnects=False)
    await client.wait_for(lambda heard: heard.kind == "disconnect")
    await orders.happen(3)
    await stock(cluster, 4, 7)
    await are_published(orders, user, admin)
    await admin.wait_for(lambda heard: heard.name == "admin:inventory:updated" and heard.args[0]["stock"] == 6, 20)
    await is_replicated(own_redis_cluster, key)
    await own_redis_cluster.kill_owner(key)
    await away.happen(3)
    await orders.happen(3)
    for of_other, _ in following:
        await of_other.happen(3)
    await stock(cluster, 7, 10)

    await client.come_back()
    await connects(client, 2)
    await is_told(client, orders)
    assert client.recovered
    await hears_stock(client, 1, 10)
    for of_other, follower in following:
        await is_told(follower, of_other)
    await gone.come_back()
    await connects(gone, 2)
    await is_told(gone, away)
    offsets = [heard.args[1] for heard in client.events("order:updated")]
    assert all(offset.count(",") == SHARDS - 1 for offset in offsets)
    assert numbers(client) == list(range(1, orders.count + 1))


async def is_replicated(redis_cluster: RedisCluster, key: str) -> None:
    """Wait until the replica has all: what it had not would be published again, and come twice."""
    async with Redis.from_url((await redis_cluster.owner(key)).url) as redis:
        await redis.set(f"{key}:fence", "1")
        assert await redis.wait(1, 10_000) == 1


async def stock(cluster: Cluster, first: int, end: int) -> None:
    """Have a product's stock change to each of these."""
    for n in range(first, end):
        await cluster.topics.produce("inventory.updated", {"productId": "p1", "stock": n}, key="p1")


async def hears_stock(client: Client, first: int, end: int) -> None:
    """Wait for the last, and check that each came once and in order."""
    await client.wait_for(lambda heard: heard.name == "inventory:updated" and heard.args[0]["stock"] == end - 1, 20)
    heard = [event.args[0]["stock"] for event in client.events("inventory:updated")]
    assert heard == list(range(first, end))
