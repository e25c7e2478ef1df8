"""When a room's history reaches back to a place, and when a client must be told that it does not."""

import asyncio

import pytest
from redis.asyncio import Redis

from integration.broker.conftest import RedisPods
from realtime.broker import wire
from realtime.broker.base import Delivery, Gap
from realtime.broker.place import Cursor, Place
from realtime.broker.redis import MESSAGES_A_TURN, RedisBroker
from suites.listening import batch, history, publication

RETENTION_SECONDS = 100


async def place_now(broker: RedisBroker) -> Place:
    (place,) = (await broker.missed({}, 1)).up_to
    return place


async def test_a_history_that_has_lost_what_was_missed_says_so(pods: RedisPods) -> None:
    broker = (await pods(history={"max_messages_per_room": 100})).broker
    start = await place_now(broker)
    await broker.publish_once([publication(f"{n}", "r") for n in range(100)])
    middle = await place_now(broker)
    answer = await broker.missed({"r": Cursor([start])}, 1_000)
    assert (len(answer.deliveries), answer.gap) == (100, None)
    await broker.publish_once([publication(f"{n}", "r") for n in range(100, 300)])
    answer = await broker.missed({"r": Cursor([start])}, 1_000)
    assert (answer.deliveries, answer.gap) == ([], Gap.TRIMMED)
    assert (await broker.missed({"other": Cursor([start]), "r": Cursor([middle])}, 1_000)).gap is Gap.TRIMMED
    recent = (await broker.newest(["r"], None, 50, 3_600)).deliveries[0]
    answer = await broker.missed({"r": Cursor([Place(recent.epoch, recent.offset)])}, 1_000)
    assert ([d.packet.decode() for d in answer.deliveries], answer.gap) == ([str(n) for n in range(251, 300)], None)


async def test_a_quiet_room_reaches_back_as_long_as_histories_are_kept(pods: RedisPods) -> None:
    broker = (await pods(history={"retention_seconds": RETENTION_SECONDS})).broker
    now = await place_now(broker)
    just_kept = now.offset - (RETENTION_SECONDS - 5) * 1_000_000
    too_old = now.offset - (RETENTION_SECONDS + 5) * 1_000_000
    assert (await broker.missed({"r": Cursor([Place(now.epoch, just_kept)])}, 10)).gap is None
    assert (await broker.missed({"r": Cursor([Place(now.epoch, too_old)])}, 10)).gap is Gap.EXPIRED
    assert (await broker.missed({"r": Cursor([Place(now.epoch, 0)])}, 10)).gap is Gap.EXPIRED


async def test_an_old_place_is_good_where_something_older_is_still_there(pods: RedisPods, redis: Redis) -> None:
    broker = (await pods(history={"retention_seconds": 1})).broker
    await broker.publish_once([publication("a", "r")])
    place = await place_now(broker)
    await redis.persist(pods.keys.history + "r")
    await asyncio.sleep(1.1)  # the retention
    await broker.publish_once([publication("b", "r")])
    answer = await broker.missed({"r": Cursor([place])}, 10)
    assert ([d.packet for d in answer.deliveries], answer.gap) == ([b"b"], None)
    assert (await broker.missed({"quiet": Cursor([place])}, 10)).gap is Gap.EXPIRED


async def test_a_place_beyond_all_that_was_published_has_missed_nothing(pods: RedisPods) -> None:
    broker = (await pods()).broker
    now = await place_now(broker)
    answer = await broker.missed({"r": Cursor([Place(now.epoch, now.offset + 60_000_000)])}, 10)
    assert (answer.deliveries, answer.gap) == ([], None)


async def test_when_redis_has_lost_its_data_every_older_place_is_of_another_epoch(
    pods: RedisPods, redis: Redis
) -> None:
    broker = (await pods()).broker
    before = await place_now(broker)
    await redis.delete(*await redis.keys(f"{pods.prefix}*"))
    await broker.publish_once([publication("a", "r")])
    answer = await broker.missed({"r": Cursor([before])}, 10)
    assert (answer.deliveries, answer.gap) == ([], Gap.EPOCH)
    assert answer.up_to[0].epoch != before.epoch


async def test_the_newest_are_only_as_old_as_was_asked_for(pods: RedisPods) -> None:
    broker = (await pods()).broker
    await broker.publish_once([publication("a", "r")])
    await asyncio.sleep(0.3)
    await broker.publish_once([publication("b", "r")])
    assert [d.packet for d in (await broker.newest(["r"], None, 10, 0.25)).deliveries] == [b"b"]
    assert [d.packet for d in (await broker.newest(["r"], None, 10, 3_600)).deliveries] == [b"a", b"b"]


async def test_a_stranger_in_a_history_harms_nobody(pods: RedisPods, redis: Redis) -> None:
    broker = (await pods()).broker
    start = await place_now(broker)
    await broker.publish_once([publication("a", "r")])
    await redis.xadd(pods.keys.history + "r", {"m": "nonsense"})
    answer = await broker.missed({"r": Cursor([start])}, 10)
    assert ([d.packet for d in answer.deliveries], answer.gap) == ([b"a"], None)


async def test_a_pod_that_was_deaf_for_longer_than_a_history_reaches_back_is_told_which_rooms(
    pods: RedisPods, redis: Redis
) -> None:
    kept = {"max_messages_per_room": 100}
    pod, publisher = await pods(history=kept), pods.publisher(history=kept)
    await pod.broker.subscribe(["busy", "quiet"])
    await publisher.publish_once([publication("0", "busy", "quiet")])
    await pod.has_heard_all()
    messages = [publication(f"{n}", "busy") for n in range(1, 300)] + [publication("last", "quiet")]
    async with redis.pipeline(transaction=True) as together:
        together.client_kill_filter(_type="pubsub", skipme=True)
        await together.execute()
    await publisher.publish_records(batch(-1, (0, messages)))
    await pod.hears("last")
    await pod.has_heard_all()
    if pod.packets("busy") == [str(n) for n in range(300)]:
        return  # it was quicker than the publisher, and deaf for nothing
    assert pod.ears.gaps == ["busy"]


async def test_histories_are_read_a_few_messages_at_a_time(pods: RedisPods, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = (await pods()).broker
    for start in range(0, 1_000, 250):
        await broker.publish_once([publication(f"{start + n}", "r-1", "r-2") for n in range(250)])
    read, in_a_turn, decode = 0, [0], wire.read

    def count(room: str, message: bytes) -> Delivery | None:
        nonlocal read
        read += 1
        return decode(room, message)

    async def watch() -> None:
        before = 0
        while True:
            in_a_turn.append(read - before)
            before = read
            await asyncio.sleep(0)

    monkeypatch.setattr(wire, "read", count)
    watching = asyncio.create_task(watch())
    found = await history(broker, "r-1", "r-2")
    watching.cancel()
    assert (len(found), read) == (2_000, 2_000)
    assert 0 < max(in_a_turn) <= MESSAGES_A_TURN
