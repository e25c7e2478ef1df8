"""Under Sentinel: whoever becomes the primary, nothing is lost, and nobody stays with the old one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from integration.broker.conftest import RedisPods
from integration.broker.test_redis_outages import (
    KEPT,
    ROOMS,
    check_that_all_was_heard_once_in_order,
    hears_progress,
    intake,
    some_rooms,
)
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.errors import RedisUnavailable
from suites.listening import PATIENCE_SECONDS, publication

# The sentinels themselves need a second to notice, and one to agree.
FAILOVER_SECONDS = 30.0
OUR_COMMANDS = {"evalsha", "mget", "xrange"}


@pytest.fixture
async def pods(own_sentinel: RedisSentinel, prefix: str) -> AsyncIterator[RedisPods]:
    async with AsyncExitStack() as at_the_end:
        yield RedisPods(own_sentinel, prefix, at_the_end)


async def hear(room: str, node: RedisServer, pods: RedisPods) -> int:
    """Count who is subscribed to a room on one server."""
    async with Redis.from_url(node.url) as operator:
        ((_, count),) = await operator.pubsub_numsub(pods.keys.room + room)
        return count


async def test_an_orderly_failover_under_publishing_loses_nothing(pods: RedisPods, own_sentinel: RedisSentinel) -> None:
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods) as partitions:
        await hears_progress(pod)
        old = await own_sentinel.primary()
        new = await own_sentinel.fail_over()
        await hears_progress(pod)
        await eventually(lambda: _is_left(old), PATIENCE_SECONDS, "nobody stays with the old primary")
        assert (await hear(ROOMS[0], old, pods), await hear(ROOMS[0], new, pods)) == (0, 1)
    await pod.has_heard_all()
    heard = {(d.room, d.packet.decode()) for d in pod.deliveries}
    for partition in partitions:
        said = {(room, partition.packet(n)) for n in range(partition.position + 1) for room in some_rooms(n)}
        assert said - heard == set()
    if not any(partition.rewinds for partition in partitions):
        check_that_all_was_heard_once_in_order(pod, partitions)


async def _is_left(node: RedisServer) -> bool:
    async with Redis.from_url(node.url) as operator:
        # The sentinels subscribe, too.
        return not any(client["cmd"] in OUR_COMMANDS for client in await operator.client_list())


async def test_the_primary_is_killed_under_publishing_and_its_replica_goes_on(
    pods: RedisPods, own_sentinel: RedisSentinel
) -> None:
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods) as partitions:
        await hears_progress(pod)
        old = await own_sentinel.primary()
        await own_sentinel.kill_primary()
        await hears_progress(pod)
        await old.start()  # still takes itself for the primary, until the sentinels have told it
        await hears_progress(pod, 500)
    await pod.has_heard_all()
    heard = {(d.room, d.packet.decode()) for d in pod.deliveries}
    for partition in partitions:
        said = {(room, partition.packet(n)) for n in range(partition.position + 1) for room in some_rooms(n)}
        assert said - heard == set()
    assert sum(partition.failures for partition in partitions) > 0


async def test_what_a_lagging_replica_never_saw_is_published_again_in_order(
    pods: RedisPods, own_sentinel: RedisSentinel
) -> None:
    """The only duplicates of a failover: records that were lost with the old primary come once more, and no others."""
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods, 1) as (partition,):
        await hears_progress(pod)
        async with own_sentinel.cut_off_replicas() as primary:
            await hears_progress(pod)
            await primary.kill()
            lost_below = partition.heard_below
        await eventually(lambda: partition.rewinds > 0, FAILOVER_SECONDS, "the intake is taken back")
        await eventually(lambda: partition.position >= lost_below, FAILOVER_SECONDS, "what was lost is published again")
    await pod.has_heard_all()
    assert partition.rewinds == 1
    for room in ROOMS:
        numbers = [int(packet.partition(":")[2]) for packet in pod.packets(room)]
        said = [n for n in range(partition.position + 1) if room in some_rooms(n)]
        assert sorted(set(numbers)) == said
        # Once in order as far as the old primary got, then once more in order from where the replica was.
        turns = [at for at in range(1, len(numbers)) if numbers[at] <= numbers[at - 1]]
        assert len(turns) <= 1, numbers


async def test_a_subscriber_that_is_left_on_a_demoted_server_notices(
    pods: RedisPods, own_sentinel: RedisSentinel, logs: list[MutableMapping[str, Any]]
) -> None:
    """A replica passes on what it hears of its primary: the own heartbeat alone would tell nothing."""
    pod, publisher = await pods(), pods.publisher()
    await pod.broker.subscribe(["r"])
    primary = await own_sentinel.primary()
    other = next(node for node in own_sentinel.nodes if node is not primary)
    # Where a proxy, or a server that was demoted and has cut nobody off, would leave it.
    subscriber = pod.broker._subscriber
    make = subscriber._client.connection_pool.make_connection

    def make_to_replica() -> Any:
        connection = Redis.from_url(other.url, protocol=2).connection_pool.make_connection()
        subscriber._client.connection_pool.make_connection = make
        return connection

    subscriber._client.connection_pool.make_connection = make_to_replica
    async with Redis.from_url(primary.url) as operator:
        await operator.client_kill_filter(_type="pubsub")
    await eventually(
        lambda: "redis_subscription_on_a_replica" in {entry["event"] for entry in logs}, PATIENCE_SECONDS, "it notices"
    )
    await publisher.publish_once([publication("after", "r")])
    await pod.hears("after")
    await pod.has_heard_all()
    assert pod.packets() == ["after"]
    assert (await hear("r", other, pods), await hear("r", primary, pods)) == (0, 1)


async def test_while_there_is_no_primary_publishing_is_refused_and_nothing_is_half_done(
    pods: RedisPods, own_sentinel: RedisSentinel
) -> None:
    publisher = pods.publisher(command_timeout_seconds=1, connect_timeout_seconds=1)
    await publisher.publish_once([publication("before", "r")])
    for child in (*own_sentinel.sentinels, *own_sentinel.nodes):
        child.pause()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(RedisUnavailable):
            await publisher.publish_once([publication("meanwhile", "r")])
    for child in (*own_sentinel.sentinels, *own_sentinel.nodes):
        child.resume()
    await eventually(lambda: _publishes(publisher), FAILOVER_SECONDS, "publishing goes on")


async def _publishes(publisher: Any) -> bool:
    with contextlib.suppress(RedisUnavailable):
        return await publisher.publish_once([publication("after", "r")])
    return False
