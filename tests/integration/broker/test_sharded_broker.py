"""A broker over several shards keeps the contract, but for what is promised of one order alone."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from integration.broker.conftest import RedisPods, new_redis_broker
from parts.redis_cluster import RedisCluster
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.base import Delivery, Gap, Outcome, RecordBatch
from realtime.broker.place import Cursor
from realtime.broker.sharded import ShardedBroker
from realtime.protocol.rooms import shard_of
from realtime.redis.keys import Keys
from suites.broker_contract import BrokerContract
from suites.listening import PATIENCE_SECONDS, MakeBroker, batch, publication

SHARDS = 5


class TestShardsOfOneRedis(BrokerContract):
    @pytest.fixture
    async def make_broker(self, redis_server: RedisServer, prefix: str) -> AsyncIterator[MakeBroker]:
        async with AsyncExitStack() as at_the_end:
            yield RedisPods(redis_server, prefix, at_the_end, shards=SHARDS)

    @pytest.fixture
    async def idle_broker(self, redis_server: RedisServer, prefix: str) -> AsyncIterator[ShardedBroker]:
        broker = new_redis_broker(redis_server.url, prefix, "idle", shards=SHARDS)
        yield broker
        await broker.close()


class TestShardsOfARedisCluster(BrokerContract):
    @pytest.fixture
    async def make_broker(self, redis_cluster: RedisCluster, prefix: str) -> AsyncIterator[MakeBroker]:
        async with AsyncExitStack() as at_the_end:
            yield RedisPods(redis_cluster, prefix, at_the_end, shards=SHARDS)

    @pytest.fixture
    async def idle_broker(self, redis_cluster: RedisCluster, prefix: str) -> AsyncIterator[ShardedBroker]:
        broker = new_redis_broker(redis_cluster.url, prefix, "idle", shards=SHARDS)
        yield broker
        await broker.close()


# --- what is different


@pytest.fixture
async def pods(redis_server: RedisServer, prefix: str) -> AsyncIterator[RedisPods]:
    async with AsyncExitStack() as at_the_end:
        yield RedisPods(redis_server, prefix, at_the_end, shards=SHARDS)


def test_a_users_rooms_are_together_and_so_are_those_of_products() -> None:
    for n in range(1_000):
        assert shard_of(f"user:{n}", 64) == shard_of(f"orders:{n}", 64)
        assert shard_of(f"product:{n}", 64) == shard_of("inventory:updates", 64)
        assert shard_of(f"product:{n}:x", 64) == shard_of("inventory:updates", 64)
    assert {shard_of(f"user:{n}", 64) for n in range(1_000)} == set(range(64))
    assert shard_of("user:42", 1) == 0


def of_each_shard() -> list[str]:
    """Return a room of each shard, in the order of the shards."""
    rooms = {shard_of(f"user:{n}", SHARDS): f"user:{n}" for n in range(100)}
    return [rooms[n] for n in range(SHARDS)]


def numbered(first: int, end: int, rooms: Sequence[str]) -> RecordBatch:
    """Records whose every room hears the record's number."""
    return batch(first - 1, *((n, [publication(f"{n}", room) for room in rooms]) for n in range(first, end)))


async def test_a_batch_that_some_shards_have_taken_is_completed_by_whoever_goes_on(pods: RedisPods) -> None:
    pod, rooms = await pods(), of_each_shard()
    await pod.broker.subscribe(rooms)
    first, second = pods.publisher(), pods.publisher()
    await first.publish_records(numbered(0, 3, rooms))
    for shard in first.shards[1:3]:  # the pod is killed while the others have not answered
        here = [room for room in rooms if shard_of(room, SHARDS) == first.shards.index(shard)]
        await shard.publish_records(numbered(3, 6, here))
    (position,) = (await second.positions([("orders", 0)])).values()
    assert position == 2
    assert await second.publish_records(numbered(3, 8, rooms)) == Outcome(7, published=2 * 2 + 3 * 5)
    await pod.has_heard_all()
    assert [pod.packets(room) for room in rooms] == [[str(n) for n in range(8)]] * SHARDS


async def test_records_that_all_shards_have_are_counted_as_skipped(pods: RedisPods) -> None:
    publisher, rooms = pods.publisher(), of_each_shard()
    await publisher.publish_records(numbered(0, 5, rooms))
    await publisher.shards[0].publish_records(numbered(5, 8, rooms[:1]))
    again = numbered(2, 10, rooms[:1])
    assert await publisher.publish_records(again) == Outcome(9, published=2, skipped_records=3)


async def test_a_shard_that_has_lost_its_last_records_gets_them_again_and_no_other_does(
    pods: RedisPods, redis: Redis
) -> None:
    pod, rooms = await pods(), of_each_shard()
    await pod.broker.subscribe(rooms)
    publisher = pods.publisher()
    await publisher.publish_records(numbered(0, 10, rooms))
    await pod.has_heard_all()
    await redis.set(Keys(pods.prefix, 3).position("orders", 0), 4)  # as after a failover to a replica that lagged
    assert await publisher.publish_records(numbered(10, 12, rooms)) == Outcome(4, behind=True)
    assert await publisher.publish_records(numbered(5, 12, rooms)) == Outcome(11, published=7, skipped_records=0)
    await pod.has_heard_all()
    for shard, room in enumerate(rooms):
        lost = ["5", "6", "7", "8", "9"] if shard == 3 else []
        assert pod.packets(room) == [*map(str, range(10)), *lost, "10", "11"]


async def test_records_of_which_a_shard_hears_nothing_move_its_position(pods: RedisPods) -> None:
    publisher, rooms = pods.publisher(), of_each_shard()
    await publisher.publish_records(numbered(0, 4, rooms[:1]))
    await publisher.publish_records(batch(3, (4, []), (7, [])))
    for shard in publisher.shards:
        assert await shard.positions([("orders", 0)]) == {("orders", 0): 7}


async def test_a_message_to_several_shards_names_in_each_the_rooms_before(pods: RedisPods) -> None:
    pod = await pods()
    a, b, c, *_ = of_each_shard()
    await pod.broker.subscribe([a, b, c])
    await pod.broker.publish_once([publication("1", b, c, a, b)])
    await pod.has_heard_all()
    assert {d.room: d.except_rooms for d in pod.deliveries} == {b: (), c: (b,), a: (b, c)}
    read = await pod.broker.newest([a, b, c], None, 10, 3_600)
    assert [d.room for d in read.deliveries] == [b]  # who is in all of them has it once
    read = await pod.broker.newest([c, a], None, 10, 3_600)
    assert [d.room for d in read.deliveries] == [c]


async def test_a_key_counts_in_all_shards_and_who_repeats_an_error_completes_it(pods: RedisPods) -> None:
    pod, rooms = await pods(), of_each_shard()
    await pod.broker.subscribe(rooms)
    said = [publication("1", room) for room in rooms]
    for shard in (1, 4):  # the others did not answer in time
        await pod.broker.shards[shard].publish_once([said[shard]], "key")
    await pod.broker.publish_once(said, "key")
    assert not await pod.broker.publish_once(said, "key")
    assert not await pod.broker.publish_once([publication("2", rooms[0])], "key")
    await pod.has_heard_all()
    assert sorted((d.room, d.packet) for d in pod.deliveries) == sorted((room, b"1") for room in rooms)


async def test_what_a_client_keeps_is_a_cursor_in_all_shards(pods: RedisPods) -> None:
    pod, publisher = await pods(), pods.publisher()
    rooms = [f"user:{n}" for n in range(20)]
    await pod.broker.subscribe(rooms)
    await eventually(lambda: len(pod.broker.told()) == SHARDS, PATIENCE_SECONDS, "all shards have been heard")
    kept: list[tuple[Delivery, str]] = []
    listen = pod.ears.on_deliveries

    def keep(deliveries: Sequence[Delivery]) -> None:
        kept.extend((delivery, pod.broker.cursor_at(delivery)) for delivery in deliveries)
        listen(deliveries)

    pod.ears.on_deliveries = keep
    for n in range(100):
        await publisher.publish_once([publication(f"{n}.{i}", random.choice(rooms)) for i in range(3)])
    await pod.has_heard_all()
    assert len(kept) == 300
    told = [delivery for delivery, _ in kept]
    for at in (0, 17, 150, 298, 299):
        cursor = Cursor.parse(kept[at][1])
        assert len(cursor) == SHARDS
        missed = await pod.broker.missed(dict.fromkeys(rooms, cursor), 1_000)
        assert missed.gap is None
        # The pod may have told more of other shards by then than the cursor knows: never less.
        assert set(told[at + 1 :]) <= set(missed.deliveries)
        assert told[at] not in missed.deliveries
        for room in rooms:
            of_room = [d for d in told if d.room == room]
            read = [d for d in missed.deliveries if d.room == room]
            assert read == of_room[len(of_room) - len(read) :]
    assert (await pod.broker.missed(dict.fromkeys(rooms, pod.broker.told()), 1_000)).deliveries == []
    some = Cursor(pod.broker.told()[:2])
    assert (await pod.broker.missed(dict.fromkeys(rooms, some), 1_000)).gap is Gap.EPOCH


async def test_what_is_read_is_no_more_than_was_asked_for_over_all_shards(pods: RedisPods) -> None:
    pod, rooms = await pods(), of_each_shard()
    await eventually(lambda: len(pod.broker.told()) == SHARDS, PATIENCE_SECONDS, "all shards have been heard")
    start = dict.fromkeys(rooms, pod.broker.told())
    await pod.broker.publish_once([publication(f"{n}", room) for n in range(3) for room in rooms])
    assert (await pod.broker.missed(start, 3 * SHARDS)).gap is None
    missed = await pod.broker.missed(start, 3 * SHARDS - 1)
    assert (missed.gap, missed.deliveries) == (Gap.TOO_MANY, ())
    newest = await pod.broker.newest(rooms, None, 4, 3_600)
    assert (newest.gap, len(newest.deliveries)) == (Gap.TOO_MANY, 4)
