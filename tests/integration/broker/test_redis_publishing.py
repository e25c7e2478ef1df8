"""What the publishing script leaves in Redis, and what it does when Redis refuses or has forgotten."""

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from integration.broker.conftest import RedisPods, new_redis_broker
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.base import NO_POSITION, Outcome
from realtime.errors import RedisUnavailable
from suites.listening import PATIENCE_SECONDS, batch, history, publication

RETENTION_MS = 100_000
# A node of a stream, which Redis trims whole; its setting stream-node-max-entries.
NODE = 100


async def everything(redis: Redis, prefix: str) -> dict[bytes, bytes | None]:
    return {key: await redis.dump(key) for key in sorted(await redis.keys(f"{prefix}*"))}


# --- what is kept


async def test_a_rooms_history_keeps_about_as_much_as_it_should(pods: RedisPods, redis: Redis) -> None:
    broker = pods.publisher(history={"max_messages_per_room": 150})
    for start in range(0, 1_000, 50):
        await broker.publish_once([publication(f"{n}", "r") for n in range(start, start + 50)])
    length = await redis.xlen(pods.keys.history + "r")
    assert 150 <= length <= 150 + NODE
    assert [d.packet.decode() for d in await history(broker, "r")] == [str(n) for n in range(1_000 - length, 1_000)]


async def test_a_rooms_history_expires_between_once_and_twice_its_retention(pods: RedisPods, redis: Redis) -> None:
    broker = pods.publisher(history={"retention_seconds": RETENTION_MS // 1_000})
    key = pods.keys.history + "r"

    async def publish() -> int:
        await broker.publish_once([publication("a", "r"), publication("b", "r")])
        return await redis.pttl(key)

    assert 2 * RETENTION_MS - 10_000 < await publish() <= 2 * RETENTION_MS
    # Refreshing costs a command, so it is done only when half of it has gone.
    await redis.pexpire(key, RETENTION_MS + 50_000)
    assert await publish() <= RETENTION_MS + 50_000
    await redis.pexpire(key, RETENTION_MS - 1)
    assert 2 * RETENTION_MS - 10_000 < await publish() <= 2 * RETENTION_MS
    await redis.persist(key)
    assert 2 * RETENTION_MS - 10_000 < await publish() <= 2 * RETENTION_MS
    await redis.pexpire(key, 1)
    await eventually(lambda: is_gone(redis, key), PATIENCE_SECONDS, "the history expires")
    assert await history(broker, "r") == []


async def is_gone(redis: Redis, key: str) -> bool:
    return not await redis.exists(key)


async def test_positions_and_the_order_itself_never_expire(pods: RedisPods, redis: Redis) -> None:
    await pods.publisher().publish_records(batch(NO_POSITION, (0, [publication("a", "r")])))
    keys = pods.keys
    for key in (keys.epoch, keys.offset, keys.position("orders", 0)):
        assert await redis.ttl(key) == -1


async def test_an_idempotency_key_is_forgotten_in_its_time(pods: RedisPods, redis: Redis) -> None:
    broker = pods.publisher(history={"idempotency_key_seconds": 50})
    key = pods.keys.idempotency("k")
    assert await broker.publish_once([publication("a", "r")], "k")
    assert 40 < await redis.ttl(key) <= 50
    assert not await broker.publish_once([publication("a", "r")], "k")
    assert await redis.ttl(key) <= 50
    await redis.pexpire(key, 1)
    await eventually(lambda: is_gone(redis, key), PATIENCE_SECONDS, "the key expires")
    assert await broker.publish_once([publication("a", "r")], "k")


async def test_two_prefixes_share_a_redis_and_nothing_else(pods: RedisPods, redis_server: RedisServer) -> None:
    pod = await pods("same")
    await pod.broker.subscribe(["r"])
    other = new_redis_broker(redis_server.url, f"{pods.prefix}.2", "same")
    await other.publish_records(batch(NO_POSITION, (7, [publication("a", "r")])))
    await other.signal_all(b"signal")
    await other.signal_pod("same", b"signal")
    await pod.has_heard_all()
    assert pod.ears.heard == await history(pod.broker, "r") == []
    assert await pod.broker.positions([("orders", 0)]) == {("orders", 0): NO_POSITION}
    await other.close()


async def test_a_closed_broker_leaves_no_connection_behind(pods: RedisPods, own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as operator:
        broker = new_redis_broker(own_redis.url, pods.prefix, "p")
        await asyncio.gather(*(broker.publish_once([publication("a", "r")]) for _ in range(30)))
        assert len(await operator.client_list()) > 2
        await broker.close()

        async def is_alone() -> bool:
            return len(await operator.client_list()) == 1

        await eventually(is_alone, PATIENCE_SECONDS, "all connections are closed")


# --- what Redis has forgotten


async def test_a_script_that_redis_has_forgotten_is_loaded_again(pods: RedisPods, redis: Redis) -> None:
    broker = pods.publisher()
    await broker.publish_records(batch(NO_POSITION, (0, [publication("a", "r")])))
    await redis.script_flush()
    assert await broker.publish_records(batch(0, (1, [publication("b", "r")]))) == Outcome(1, published=1)
    await redis.script_flush()
    assert await broker.publish_once([publication("c", "r")])
    assert [d.packet for d in await history(broker, "r")] == [b"a", b"b", b"c"]


async def test_after_redis_was_emptied_there_is_a_new_order_and_all_of_it_is_heard(
    own_pods: RedisPods, own_operator: Redis
) -> None:
    publisher = own_pods.publisher()
    await publisher.publish_once([publication(f"before {n}", "other") for n in range(50)])
    pod = await own_pods()
    await pod.broker.subscribe(["r"])
    await publisher.publish_records(batch(NO_POSITION, (7, [publication("last of the old", "r")])))
    await pod.has_heard_all()
    await own_operator.flushall()
    assert await publisher.publish_records(batch(7, (8, [publication("8", "r")]))) == Outcome(NO_POSITION, behind=True)
    for n in range(100):
        await publisher.publish_once([publication(f"{n}", "r")])
    await pod.has_heard_all()
    assert pod.packets() == ["last of the old", *map(str, range(100))]
    old, *new = pod.deliveries
    assert len({d.epoch for d in new}) == 1
    assert new[0].epoch != old.epoch
    assert await history(publisher, "r") == new


async def test_an_offset_that_was_lost_alone_is_not_given_again(pods: RedisPods, redis: Redis) -> None:
    pod = await pods()
    await pod.broker.subscribe(["r"])
    for n in range(20):
        await pod.broker.publish_once([publication(f"{n}", "r")])
        if n == 10:
            await redis.delete(pods.keys.offset)
        if n == 15:
            await redis.delete(pods.keys.epoch)
    await pod.has_heard_all()
    assert pod.packets() == [str(n) for n in range(20)]
    offsets = [d.offset for d in await history(pod.broker, "r")]
    assert offsets == sorted(set(offsets))
    assert len(offsets) == 20


async def test_redis_that_came_back_as_it_was_earlier_is_behind(own_pods: RedisPods, own_redis: RedisServer) -> None:
    broker = own_pods.publisher()
    await broker.publish_records(batch(NO_POSITION, *((n, [publication(f"{n}", "r")]) for n in range(111))))
    async with snapshot(own_redis):
        await broker.publish_records(batch(110, *((n, [publication(f"{n}", "r")]) for n in range(111, 121))))
    late = batch(120, *((n, [publication(f"{n}", "r")]) for n in range(121, 131)))
    assert await broker.publish_records(late) == Outcome(110, behind=True)
    again = batch(110, *((n, [publication(f"{n}", "r")]) for n in range(111, 131)))
    assert await broker.publish_records(again) == Outcome(130, published=20)
    assert [d.packet.decode() for d in await history(broker, "r")] == [str(n) for n in range(131)]


class snapshot:  # noqa: N801 - reads as a verb
    """Redis forgets what happens inside of the `async with`."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def __aenter__(self) -> None:
        await self._server.kill()
        self._kept = {p: p.read_bytes() for p in self._server.data.rglob("*") if p.is_file()}
        await self._server.start()

    async def __aexit__(self, *_: object) -> None:
        await self._server.kill()
        for path, content in self._kept.items():
            path.write_bytes(content)
        await self._server.start()


# --- what Redis refuses


async def test_without_memory_nothing_is_published_not_even_in_part(own_pods: RedisPods, own_operator: Redis) -> None:
    pod = await own_pods()
    await pod.broker.subscribe(["r"])
    await pod.broker.publish_records(batch(NO_POSITION, (0, [publication("a", "r")])))
    before = await everything(own_operator, own_pods.prefix)
    await own_operator.config_set("maxmemory", 1)
    with pytest.raises(RedisUnavailable, match="maxmemory"):
        await pod.broker.publish_records(batch(0, (1, [publication("b", "r"), publication("c", "r")])))
    with pytest.raises(RedisUnavailable):
        await pod.broker.publish_once([publication("d", "r")], "key")
    with pytest.raises(RedisUnavailable):
        await pod.broker.publish_once([publication("e", "r")])
    assert await everything(own_operator, own_pods.prefix) == before
    await own_operator.config_set("maxmemory", 0)
    # Tried again, all of it is published; that the key was refused is not held against it.
    await pod.broker.publish_records(batch(0, (1, [publication("b", "r"), publication("c", "r")])))
    assert await pod.broker.publish_once([publication("d", "r")], "key")
    await pod.has_heard_all()
    assert pod.packets() == ["a", "b", "c", "d"]


async def test_a_read_only_replica_refuses_and_publishes_nothing(
    own_pods: RedisPods, own_redis: RedisServer, own_operator: Redis, tmp_path: Path
) -> None:
    publisher = own_pods.publisher()
    await own_operator.config_set("repl-diskless-sync-delay", 0)
    await publisher.publish_once([publication("a", "r")])
    replica = RedisServer(tmp_path / "replica")
    await replica.start()
    try:
        async with Redis.from_url(replica.url) as operator:
            await operator.replicaof("127.0.0.1", own_redis.port)

            async def has_synchronised() -> bool:
                return (await operator.info("replication"))["master_link_status"] == "up"

            await eventually(has_synchronised, PATIENCE_SECONDS, "the replica has synchronised")
        lost = new_redis_broker(replica.url, own_pods.prefix, "lost")
        pod = await own_pods()
        await pod.broker.subscribe(["r"])
        for publishing in (
            lost.publish_records(batch(NO_POSITION, (0, [publication("b", "r")]))),
            lost.publish_once([publication("b", "r")]),
            lost.publish_once([publication("b", "r")], "key"),
        ):
            with pytest.raises(RedisUnavailable, match="read only"):
                await publishing
        async with Redis.from_url(replica.url) as operator:
            assert await operator.xlen(own_pods.keys.history + "r") == 1
        await lost.close()
        await pod.has_heard_all()
        assert pod.packets() == []
    finally:
        await replica.kill()


async def test_what_does_not_reach_redis_says_so(own_pods: RedisPods, own_redis: RedisServer) -> None:
    broker = own_pods.publisher()
    await own_redis.kill()
    for doing in (
        broker.publish_records(batch(NO_POSITION, (0, [publication("a", "r")]))),
        broker.publish_once([publication("a", "r")]),
        broker.publish_once([publication("a", "r")], "key"),
        broker.positions([("orders", 0)]),
        history(broker, "r"),
        broker.signal_pod("p", b""),
        broker.signal_room("r", b""),
        broker.signal_all(b""),
    ):
        with pytest.raises(RedisUnavailable):
            await doing


# --- what is not ours


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b'2 newer 1 1 -\n2["order:updated",{}]',
        b"1 epoch 1\nno time",
        b"1 epoch one 1 -\nx",
        b"1 epoch 1 1 -",
        b"1 \xff 1 1 -\nx",
        b"1 epoch 1 1 -\nnot \xff UTF-8",
        b"1 epoch 1 1 {\nx",
        b"1 epoch 1 1 []\nx",
        b'1 epoch 1 1 {"exceptRooms":"r"}\nx',
        b'1 epoch 1 1 {"exceptRooms":[1]}\nx',
        b'1 epoch 1 1 {"laterRooms":"r"}\nx',
        b'1 epoch 1 1 {"laterRooms":[1]}\nx',
        b'1 epoch 1 1 {"conflationKey":7}\nx',
        b'1 epoch 1 1 {"traceparent":{}}\nx',
    ],
    ids=lambda payload: repr(payload)[2:40],
)
async def test_what_is_not_ours_is_skipped_and_told(
    pods: RedisPods, redis: Redis, logs: list[MutableMapping[str, Any]], payload: bytes
) -> None:
    pod = await pods()
    await pod.broker.subscribe(["r"])
    await pod.broker.publish_once([publication("a", "r")])
    await redis.publish(pods.keys.room + "r", payload)
    await redis.xadd(pods.keys.history + "r", {"m": payload})
    await pod.broker.publish_once([publication("b", "other"), publication("c", "r")])
    await pod.has_heard_all()
    assert pod.packets() == ["a", "c"]
    told = [entry for entry in logs if entry["event"] == "unreadable_delivery"]
    assert [(entry["room"], entry["payload"]) for entry in told] == [("r", payload)]
    assert [d.packet for d in await history(pod.broker, "r")] == [b"a", b"c"]


async def test_a_foreign_entry_in_history_does_not_stop_a_pod_that_catches_up(pods: RedisPods, redis: Redis) -> None:
    pod = await pods()
    await pod.broker.subscribe(["r"])
    await pod.broker.publish_once([publication("a", "r")])
    await redis.xadd(pods.keys.history + "r", {"something": "else"})
    await redis.client_kill_filter(_type="pubsub", skipme=True)
    await pod.has_heard_all()
    await pod.broker.publish_once([publication("b", "r")])
    await pod.has_heard_all()
    assert pod.packets() == ["a", "b"]
