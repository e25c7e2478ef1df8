"""Presence in Redis keeps the contract, and survives a Redis that forgets."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from integration.broker.test_redis_publishing import snapshot
from parts.redis_cluster import RedisCluster
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.place import Place
from realtime.errors import RedisUnavailable
from realtime.presence.base import Arrival, Device
from realtime.presence.sharded import make_redis_presence
from realtime.redis.connection import connect_shards
from realtime.settings import HistorySettings, PresenceSettings, RedisSettings
from realtime.telemetry.metrics import Metrics
from suites.presence_contract import LEASE_SECONDS, MakePod, PassTime, PresenceContract, PresencePod


@asynccontextmanager
async def _pods(url: str, prefix: str, shards: int = 1) -> AsyncIterator[MakePod]:
    clients = connect_shards(RedisSettings(url=SecretStr(url), shards=shards))
    settings = PresenceSettings(lease_seconds=LEASE_SECONDS)
    pods: list[PresencePod] = []

    async def make_pod(pod_id: str) -> PresencePod:
        pod = PresencePod(
            pod_id,
            lambda told: make_redis_presence(
                clients, prefix, settings, HistorySettings(), pod_id, [told] * shards, Metrics()
            ),
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


# --- Redis that has lost the last of it, or stood still


async def test_who_went_after_a_snapshot_is_not_there_again_when_redis_comes_back_with_it(
    own_redis: RedisServer, prefix: str
) -> None:
    async with _pods(own_redis.url, prefix) as make:
        one, other = await make("a"), await make("b")
        for device in ("d-1", "d-2"):
            await one.come(device)
        async with snapshot(own_redis):
            one.presence.leave("d-1", Place("e", 5))
            one.presence.leave("d-2", Place("e", 7))
            await eventually(lambda: nobody(other), 15, "both are gone")
        # The pod that they were on lives, and would vouch for them for ever.
        await eventually(lambda: nobody(other), 15, "both are gone again")
        arrival = await other.arrive("d-3")
        assert (arrival.devices, arrival.was_away, arrival.away_since) == (1, True, Place("e", 7))


async def test_who_came_after_a_snapshot_is_there_again_when_redis_comes_back_with_it(
    own_redis: RedisServer, prefix: str
) -> None:
    async with _pods(own_redis.url, prefix) as make:
        one, other = await make("a"), await make("b")
        await one.presence.devices("u-42")
        async with snapshot(own_redis):
            await one.come("d-1")
        await eventually(lambda: is_there(other, one.device("d-1")), 15, "it is announced again")
        assert not (await other.arrive("d-2")).was_away


async def test_who_was_there_is_there_again_when_redis_has_stood_still_for_longer_than_a_lease(
    own_redis: RedisServer, prefix: str
) -> None:
    async with _pods(own_redis.url, prefix) as make:
        one, other = await make("a"), await make("b")
        await one.come("d-1")
        await one.presence.devices("u-42")
        own_redis.pause()
        await asyncio.sleep(3 * LEASE_SECONDS)  # a lease ends by the clock alone
        own_redis.resume()
        await eventually(lambda: is_there(other, one.device("d-1")), 15, "it is there")
        await eventually(lambda: _knows_that_somebody_is_there(other), 15, "nobody is taken for absent")


async def test_after_a_failover_that_lost_the_last_of_it_devices_are_as_they_are(
    own_sentinel: RedisSentinel, prefix: str
) -> None:
    async with _pods(own_sentinel.url, prefix) as make:
        one, other = await make("a"), await make("b")
        await one.come("d-1")
        async with Redis.from_url((await own_sentinel.primary()).url) as redis:
            await redis.set("fence", "1")
            assert await redis.wait(2, 10_000) == 2
        async with own_sentinel.cut_off_replicas() as primary:
            one.presence.leave("d-1", Place("e", 5))
            await one.come("d-2")
            await primary.kill()
        await eventually(lambda: is_there(other, one.device("d-2")), 30, "who came is there, and who went is not")
        assert (await other.arrive("d-3")).devices == 2


async def nobody(pod: PresencePod) -> bool:
    with contextlib.suppress(RedisUnavailable):
        return await pod.presence.devices("u-42") == []
    return False


async def is_there(pod: PresencePod, device: Device) -> bool:
    with contextlib.suppress(RedisUnavailable):
        return await pod.presence.devices("u-42") == [device]
    return False


async def _knows_that_somebody_is_there(pod: PresencePod) -> bool:
    arrival = await pod.arrive("d-2")
    pod.presence.leave("d-2", None)
    return not arrival.was_away


async def test_a_pod_that_was_frozen_does_not_say_that_who_has_gone_meanwhile_heard_what_came_meanwhile(
    make_pod: MakePod,
) -> None:
    frozen = await make_pod("a")
    frozen.told = Place("e", 5)
    await frozen.come("d-1")
    await frozen.presence.devices("u-42")
    frozen.told = Place("e", 99)  # what it finds when it goes on
    time.sleep(2 * LEASE_SECONDS)  # nothing in this process goes on
    frozen.presence.leave("d-1", Place("e", 99))
    arrival = await (await make_pod("b")).arrive("d-2")
    assert arrival == Arrival(1, was_away=True, away_since=Place("e", 5))
