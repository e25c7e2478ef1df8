"""Presence in Redis keeps the contract, and survives a Redis that forgets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.redis_cluster import RedisCluster
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.place import Place
from realtime.errors import RedisUnavailable
from realtime.presence.sharded import make_redis_presence
from realtime.redis.connection import connect_shards
from realtime.settings import HistorySettings, PresenceSettings, RedisSettings
from suites.presence_contract import LEASE_SECONDS, MakePod, PassTime, PresenceContract, PresencePod


@asynccontextmanager
async def _pods(url: str, prefix: str, shards: int = 1) -> AsyncIterator[MakePod]:
    clients = connect_shards(RedisSettings(url=SecretStr(url), shards=shards))
    settings = PresenceSettings(lease_seconds=LEASE_SECONDS)
    pods: list[PresencePod] = []

    async def make_pod(pod_id: str) -> PresencePod:
        pod = PresencePod(
            pod_id,
            lambda told: make_redis_presence(clients, prefix, settings, HistorySettings(), pod_id, [told] * shards),
        )
        pods.append(pod)
        await pod.start()
        return pod

    yield make_pod
    for pod in pods:
        await pod.die()
    for client in clients:
        await client.aclose()


@pytest.fixture
async def make_pod(redis_server: RedisServer, prefix: str) -> AsyncIterator[MakePod]:
    async with _pods(redis_server.url, prefix) as make:
        yield make


@pytest.fixture
def pass_time() -> PassTime:
    # Leases end by Redis' own clock, which only passes.
    return asyncio.sleep


class TestPresenceInARedisCluster(PresenceContract):
    @pytest.fixture
    async def make_pod(self, redis_cluster: RedisCluster, prefix: str) -> AsyncIterator[MakePod]:
        async with _pods(redis_cluster.url, prefix, shards=5) as make:
            yield make


class TestRedisPresence(PresenceContract):
    async def test_what_redis_forgets_it_is_told_again(
        self, make_pod: MakePod, redis_server: RedisServer, prefix: str
    ) -> None:
        one, other = await make_pod("a"), await make_pod("b")
        await one.come("d-1")
        async with Redis.from_url(redis_server.url) as redis:
            await redis.delete(*[key async for key in redis.scan_iter(f"{prefix}:*")])

        async def is_there() -> bool:
            return await other.presence.devices("u-42") == [one.device("d-1")]

        await eventually(is_there, 10, "the device is announced again")
        assert not (await other.arrive("d-2")).was_away


async def test_who_leaves_while_redis_is_away_has_left_when_it_is_back(own_redis: RedisServer, prefix: str) -> None:
    async with _pods(own_redis.url, prefix) as make:
        pod = await make("a")
        await pod.come("d-1")
        await pod.presence.devices("u-42")
        await own_redis.kill()
        with pytest.raises(RedisUnavailable):
            await pod.arrive("d-2")
        pod.presence.leave("d-1", Place("e", 7))
        await own_redis.start()

        async def nobody_is_there() -> bool:
            try:
                return await pod.presence.devices("u-42") == []
            except RedisUnavailable:
                return False

        await eventually(nobody_is_there, 15, "both are gone")
        arrival = await pod.arrive("d-3")
        assert (arrival.devices, arrival.was_away) == (1, True)
        assert arrival.away_since in {Place("e", 7), None}
