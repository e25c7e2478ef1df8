"""In a Redis Cluster: whoever holds a shard, nothing is lost, and a room's messages keep their order."""

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from integration.broker.conftest import RedisPods
from integration.broker.intake import Partition
from integration.broker.test_redis_outages import KEPT, hears_progress, intake
from parts.redis_cluster import ClusterNode, RedisCluster
from parts.waiting import eventually
from realtime.protocol.rooms import shard_of
from realtime.redis.keys import Keys
from suites.listening import PATIENCE_SECONDS, ListeningPod

SHARDS = 5
ROOMS = [f"user:{n}" for n in range(12)]


def rooms_of(record: int) -> list[str]:
    return [ROOMS[record % len(ROOMS)]]


@pytest.fixture
async def pods(own_redis_cluster: RedisCluster, prefix: str) -> AsyncIterator[RedisPods]:
    async with AsyncExitStack() as at_the_end:
        # Whoever was connected to a node that is frozen finds out after a second, not after five.
        yield RedisPods(own_redis_cluster, prefix, at_the_end, shards=SHARDS, connect_timeout_seconds=1.0)


def check_that_all_was_heard_in_order(pod: ListeningPod, partitions: Sequence[Partition], *, again: bool) -> None:
    """Of each room: all, in order; once, unless a shard was taken back (`again`): then some of them once more."""
    assert pod.ears.gaps == []
    heard = defaultdict(list)
    for delivery in pod.deliveries:
        number, _, record = delivery.packet.decode().partition(":")
        heard[delivery.room, int(number)].append(int(record))
    for partition in partitions:
        for at, room in enumerate(ROOMS):
            records = heard[room, partition.number]
            said = list(range(at, partition.position + 1, len(ROOMS)))
            if again:
                assert sorted(set(records)) == said
                # Each is heard first in order: what comes again comes behind what was heard before.
                assert list(dict.fromkeys(records)) == said
            else:
                assert records == said
    for _, of_epoch in itertools.groupby(sorted(pod.deliveries, key=lambda d: d.epoch), key=lambda d: d.epoch):
        assert all(a.offset <= b.offset for a, b in itertools.pairwise(of_epoch))


async def test_a_master_is_killed_under_publishing_and_its_replica_goes_on(
    pods: RedisPods, own_redis_cluster: RedisCluster
) -> None:
    assert len({shard_of(room, SHARDS) for room in ROOMS}) == SHARDS
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods, rooms_of=rooms_of) as partitions:
        await hears_progress(pod)
        key = Keys(pods.prefix, 2).epoch
        old = await own_redis_cluster.owner(key)
        await own_redis_cluster.kill_owner(key)
        await hears_progress(pod, 500)
        await old.start()
        await eventually(own_redis_cluster.is_whole, PATIENCE_SECONDS, "the killed node follows")
        await hears_progress(pod)
    await pod.has_heard_all()
    check_that_all_was_heard_in_order(pod, partitions, again=any(partition.rewinds for partition in partitions))
    assert sum(partition.failures for partition in partitions) > 0


async def test_an_orderly_failover_loses_nothing_and_repeats_nothing(
    pods: RedisPods, own_redis_cluster: RedisCluster
) -> None:
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods, rooms_of=rooms_of) as partitions:
        for shard in (0, 1):
            await hears_progress(pod)
            await own_redis_cluster.fail_over(Keys(pods.prefix, shard).epoch)
        await hears_progress(pod, 500)
    await pod.has_heard_all()
    check_that_all_was_heard_in_order(pod, partitions, again=False)


async def test_a_shard_moves_to_another_node_under_publishing(pods: RedisPods, own_redis_cluster: RedisCluster) -> None:
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(pods, rooms_of=rooms_of) as partitions:
        await hears_progress(pod)
        owners = {shard: await own_redis_cluster.owner(Keys(pods.prefix, shard).epoch) for shard in range(SHARDS)}
        to = next(owner for owner in owners.values() if owner is not owners[0])
        await own_redis_cluster.move_slot(Keys(pods.prefix, 0).epoch, to)
        await hears_progress(pod, 500)
    await pod.has_heard_all()
    check_that_all_was_heard_in_order(pod, partitions, again=False)


async def test_a_message_of_a_shard_is_sent_to_one_node_alone(pods: RedisPods, own_redis_cluster: RedisCluster) -> None:
    """Plain channels of a cluster are heard on all nodes: each message would cost all of them."""
    pod = await pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    before = {node: await bus_messages(node) for node in own_redis_cluster.nodes}
    async with intake(pods, 1, rooms_of=rooms_of):
        await hears_progress(pod, 300)
    await pod.has_heard_all()
    for node in own_redis_cluster.nodes:
        assert (await bus_messages(node)) - before[node] == 0


async def bus_messages(node: ClusterNode) -> int:
    """Count plain publications that a node has received of others."""
    about = (await node.cluster("INFO")).decode()
    lines = dict(line.split(":") for line in about.splitlines())
    return int(lines.get("cluster_stats_messages_publish_received", 0))
