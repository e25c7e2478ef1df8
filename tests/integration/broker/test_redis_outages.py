"""Promise 2: a pod that lost its connection to Redis reads what its rooms missed before it goes on."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from integration.broker.conftest import HEARTBEAT_SECONDS, RedisPods, new_redis_broker
from integration.broker.intake import Partition
from integration.broker.test_redis_publishing import snapshot
from integration.broker.wire import Wire
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.broker.redis_subscriber import DEAF_AFTER_HEARTBEATS
from suites.broker_model import check_that_pods_hear_exactly_what_was_published_meanwhile
from suites.listening import PATIENCE_SECONDS, ListeningPod, publication

ROOMS = [f"r{n}" for n in range(5)]
# However long a slow machine takes to come back, what it missed is still there.
KEPT = {"max_messages_per_room": 1_000_000}


def some_rooms(record: int) -> list[str]:
    return random.Random(record).sample(ROOMS, 1 + record % 3)


def check_that_all_was_heard_once_in_order(pod: ListeningPod, partitions: Sequence[Partition]) -> None:
    assert pod.ears.gaps == []
    times = Counter((d.room, d.packet) for d in pod.deliveries)
    assert [what for what, count in times.items() if count > 1] == []
    assert all(a.offset <= b.offset for a, b in itertools.pairwise(pod.deliveries))
    for partition in partitions:
        for room in ROOMS:
            said = [partition.packet(n) for n in range(partition.position + 1) if room in some_rooms(n)]
            assert [p for p in pod.packets(room) if p.startswith(f"{partition.number}:")] == said


async def hears_progress(pod: ListeningPod, messages: int = 50) -> None:
    """Wait until something new has been heard, so that the next blow meets a pod at work."""
    enough = len(pod.deliveries) + messages
    await eventually(lambda: len(pod.deliveries) >= enough, PATIENCE_SECONDS, f"{pod.id} hears more")


@contextlib.asynccontextmanager
async def intake(
    pods: RedisPods, number: int = 2, *, rooms_of: Callable[[int], Sequence[str]] = some_rooms
) -> AsyncIterator[list[Partition]]:
    """Publish from several partitions, each with a pod of its own, while the `async with` lasts."""
    partitions = [
        Partition(pods.publisher(command_timeout_seconds=1, history=KEPT), n, rooms_of) for n in range(number)
    ]
    for partition in partitions:
        partition.start()
    try:
        yield partitions
    finally:
        for partition in partitions:
            await partition.end()


# --- Redis itself


async def test_redis_is_killed_and_comes_back_with_its_data(own_pods: RedisPods, own_redis: RedisServer) -> None:
    pod = await own_pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(own_pods) as partitions:
        for _ in range(2):
            await hears_progress(pod)
            await own_redis.kill()
            await own_redis.start()
        await hears_progress(pod)
    await pod.has_heard_all()
    check_that_all_was_heard_once_in_order(pod, partitions)
    assert sum(partition.failures for partition in partitions) > 0


async def test_redis_comes_back_empty(own_pods: RedisPods, own_redis: RedisServer) -> None:
    pod = await own_pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(own_pods) as partitions:
        await hears_progress(pod)
        await own_redis.kill()
        await own_redis.start(forget=True)
        # Kafka is taken in again from the start: everything comes, once more what had come.
        await hears_progress(pod, len(pod.deliveries) + 50)
    await pod.has_heard_all()
    epochs = list(dict.fromkeys(d.epoch for d in pod.deliveries))
    assert len(epochs) == 2
    assert all(partition.rewinds == 1 for partition in partitions)
    pod.ears.heard = [d for d in pod.deliveries if d.epoch == epochs[1]]
    check_that_all_was_heard_once_in_order(pod, partitions)


async def test_redis_comes_back_as_it_was_earlier(own_pods: RedisPods, own_redis: RedisServer) -> None:
    pod = await own_pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(own_pods) as partitions:
        await hears_progress(pod)
        async with snapshot(own_redis):
            await hears_progress(pod)
        await eventually(lambda: all(p.rewinds for p in partitions), PATIENCE_SECONDS, "both are taken back")
        await hears_progress(pod, len(pod.deliveries) + 50)
    await pod.has_heard_all()
    heard = {(d.room, d.packet.decode()) for d in pod.deliveries}
    for partition in partitions:
        said = {(room, partition.packet(n)) for n in range(partition.position + 1) for room in some_rooms(n)}
        assert said - heard == set()
    assert all(a.offset <= b.offset for a, b in itertools.pairwise(pod.deliveries))


async def test_what_takes_the_place_of_lost_messages_is_heard_by_who_was_deaf_then(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    """Redis has forgotten its last messages, and others are published in their place, before the pod is back."""
    pod = await own_pods(heartbeat_interval_seconds=1.5)  # comes back after half of that
    publisher = own_pods.publisher()
    await pod.broker.subscribe(["r"])
    await publisher.publish_once([publication("first", "r")])
    async with snapshot(own_redis):
        await publisher.publish_once([publication(f"lost {n}", "r") for n in range(20)])
        await pod.hears("lost 19")
    await publisher.publish_once([publication(f"new {n}", "r") for n in range(40)])
    await pod.hears("new 39")
    assert pod.packets() == ["first"] + [f"lost {n}" for n in range(20)] + [f"new {n}" for n in range(40)]


async def test_redis_is_frozen_for_longer_than_three_heartbeats(own_pods: RedisPods, own_redis: RedisServer) -> None:
    pod = await own_pods(history=KEPT)
    await pod.broker.subscribe(ROOMS)
    async with intake(own_pods) as partitions:
        await hears_progress(pod)
        own_redis.pause()
        await eventually(
            lambda: pod.broker.heard_seconds_ago() > 2 * DEAF_AFTER_HEARTBEATS * HEARTBEAT_SECONDS,
            PATIENCE_SECONDS,
            "the pod notices that it is deaf",
        )
        own_redis.resume()
        await hears_progress(pod)
    await pod.has_heard_all()
    check_that_all_was_heard_once_in_order(pod, partitions)
    await eventually(
        lambda: pod.broker.heard_seconds_ago() < DEAF_AFTER_HEARTBEATS * HEARTBEAT_SECONDS,
        PATIENCE_SECONDS,
        "the pod hears itself again",
    )


# --- the connection


async def kill_somebody(operator: Redis) -> bool:
    return await operator.client_kill_filter(_type="pubsub") > 0


async def test_the_connection_is_killed_again_and_again_under_load(own_pods: RedisPods, own_operator: Redis) -> None:
    listening = [await own_pods(history=KEPT) for _ in range(2)]
    for pod in listening:
        await pod.broker.subscribe(ROOMS)
    async with intake(own_pods, 3) as partitions:
        for _ in range(8):
            await hears_progress(listening[0], 20)
            await eventually(lambda: kill_somebody(own_operator), PATIENCE_SECONDS, "somebody has connected again")
    for pod in listening:
        await pod.has_heard_all()
        check_that_all_was_heard_once_in_order(pod, partitions)


async def test_who_does_not_read_fast_enough_is_cut_off_by_redis_and_catches_up(
    own_pods: RedisPods, own_operator: Redis, logs: list[MutableMapping[str, Any]]
) -> None:
    pod, publisher = await own_pods(), own_pods.publisher()
    await pod.broker.subscribe(["r"])
    await own_operator.config_set("client-output-buffer-limit", "pubsub 1mb 0 0")
    large = "x" * 100_000
    for start in range(0, 60, 20):
        # All at once, as a script is: much more than the limit, however fast the pod reads.
        await publisher.publish_once([publication(f"{n} {large}", "r") for n in range(start, start + 20)])
        await publisher.publish_once([publication(f"{start} done", "r")])
        await pod.hears(f"{start} done")
    assert [packet.split()[0] for packet in pod.packets() if "done" not in packet] == [str(n) for n in range(60)]
    assert "redis_subscription_lost" in {entry["event"] for entry in logs}


async def test_the_connection_breaks_between_two_rooms_of_one_message(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    async with Wire(own_redis.port) as wire, ListeningPod("p", new_redis_broker(wire.url, own_pods.prefix, "p")) as pod:
        await pod.broker.subscribe(["a", "b"])
        wire.cut_behind(b"the packet\r\n")
        await own_pods.publisher().publish_once(
            [publication("the packet", "a", "b"), publication("the next", "b", "a")]
        )
        await pod.hears("the next")
        await pod.has_heard_all()
    assert wire.cuts == 2  # the other one at the end
    assert [(d.room, d.packet.decode()) for d in pod.deliveries] == [
        ("a", "the packet"),
        ("b", "the packet"),
        ("b", "the next"),
        ("a", "the next"),
    ]


async def test_a_line_that_goes_dead_is_noticed_and_nothing_is_lost(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    async with Wire(own_redis.port) as wire, ListeningPod("p", new_redis_broker(wire.url, own_pods.prefix, "p")) as pod:
        publisher = own_pods.publisher()
        await pod.broker.subscribe(["r"])
        wire.hold_answers()
        await publisher.publish_once([publication(f"{n}", "r") for n in range(10)])
        await eventually(
            lambda: pod.broker.heard_seconds_ago() > (DEAF_AFTER_HEARTBEATS + 1) * HEARTBEAT_SECONDS,
            PATIENCE_SECONDS,
            "the pod notices that it is deaf",
        )
        wire.cut()
        wire.let_answers_pass()
        await publisher.publish_once([publication("last", "r")])
        await pod.hears("last")
    assert pod.packets() == [*map(str, range(10)), "last"]


async def test_what_comes_while_a_pod_catches_up_comes_once_and_in_order(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    async with Wire(own_redis.port) as wire, ListeningPod("p", new_redis_broker(wire.url, own_pods.prefix, "p")) as pod:
        publisher = own_pods.publisher()
        await pod.broker.subscribe(["a", "b"])
        wire.sever()
        joining = asyncio.create_task(pod.broker.subscribe(["new"]))
        await eventually(lambda: not pod.broker._subscriber._is_connected, PATIENCE_SECONDS, "the pod is cut off")
        await publisher.publish_once([publication("missed", "a"), publication("missed, too", "b")])
        subscriber = pod.broker._subscriber
        tell, read = subscriber._tell_missed, subscriber._read_missed

        async def publish_and_tell(
            *arguments: Any,
        ) -> Any:  # all rooms are subscribed to, and nothing has been read yet
            await publisher.publish_once([publication("1", "b"), publication("2", "new", "a"), publication("3", "a")])
            await publisher.signal_room("b", b"signal")
            await tell(*arguments)

        async def read_and_publish(*arguments: Any) -> Any:
            missed = await read(*arguments)
            await publisher.publish_once([publication("4", "a"), publication("5", "new", "b")])
            return missed

        subscriber._tell_missed, subscriber._read_missed = publish_and_tell, read_and_publish
        wire.mend()
        await joining
        subscriber._tell_missed, subscriber._read_missed = tell, read
        await publisher.publish_once([publication("6", "new")])
        await pod.has_heard_all()
    heard = [(d.room, d.packet.decode()) for d in pod.deliveries]
    assert [packet for _, packet in heard if packet != "5"] == ["missed", "missed, too", "1", "2", "3", "4", "6"]
    # Who joins `new` meanwhile may hear it there or not, but what comes before it does not come behind it.
    assert [room for room, packet in heard if packet == "5"] in (["b"], ["new", "b"])
    assert [d.offset for d in pod.deliveries] == sorted(d.offset for d in pod.deliveries)
    assert pod.signals == [b"signal"]


# --- rooms that come and go meanwhile


async def test_a_room_that_is_joined_while_the_connection_is_down_is_heard_once_it_is_up(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    async with Wire(own_redis.port) as wire, ListeningPod("p", new_redis_broker(wire.url, own_pods.prefix, "p")) as pod:
        publisher = own_pods.publisher()
        await pod.broker.subscribe(["old"])
        wire.sever()
        await publisher.publish_once([publication("before", "new", "old")])
        joining = asyncio.create_task(pod.broker.subscribe(["new", "old"]))
        gone = asyncio.create_task(pod.broker.subscribe(["gone"]))
        await asyncio.sleep(0)
        pod.broker.unsubscribe(["gone"])
        await eventually(lambda: not pod.broker._subscriber._is_connected, PATIENCE_SECONDS, "the pod is cut off")
        assert not joining.done()
        wire.mend()
        await joining
        await publisher.publish_once([publication("after", "new"), publication("after", "gone")])
        await pod.has_heard_all()
        await asyncio.wait_for(gone, PATIENCE_SECONDS)
    assert [(d.room, d.packet.decode()) for d in pod.deliveries] == [("old", "before"), ("new", "after")]


async def test_a_room_that_was_joined_a_moment_ago_does_not_hear_what_came_before(own_pods: RedisPods) -> None:
    pod, publisher = await own_pods(), own_pods.publisher()
    await pod.broker.subscribe(["quiet"])
    await publisher.publish_once([publication(f"before {n}", "r") for n in range(5)])
    await pod.broker.subscribe(["r"])
    async with Redis.from_url(own_pods.server.url) as operator:
        await operator.client_kill_filter(_type="pubsub")
    await publisher.publish_once([publication("after", "r")])
    await pod.hears("after")
    assert pod.packets() == ["after"]


async def test_a_room_that_is_left_and_joined_again_around_a_reconnect_loses_nothing(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    """An answer to the SUBSCRIBE of before must not be taken for that to the one after an UNSUBSCRIBE."""
    async with (
        Wire(own_redis.port) as wire,
        ListeningPod("p", new_redis_broker(wire.url, own_pods.prefix, "p", unsubscribe_delay_seconds=0)) as pod,
    ):
        publisher = own_pods.publisher()
        n = 0
        for _ in range(6):
            await pod.broker.subscribe(["r"])
            wire.cut()
            for _ in range(8):
                pod.broker.unsubscribe(["r"])
                await asyncio.sleep(random.uniform(0, 0.01))
                await pod.broker.subscribe(["r"])
                await publisher.publish_once([publication(f"{n}", "r")])
                await pod.hears(f"{n}")
                n += 1
        await pod.has_heard_all()
    assert pod.packets() == [str(i) for i in range(n)]


@pytest.mark.parametrize("seed", range(3))
async def test_pods_whose_connections_break_hear_exactly_what_was_published_meanwhile(
    own_pods: RedisPods, own_redis: RedisServer, seed: int
) -> None:
    choice = random.Random(seed)
    async with contextlib.AsyncExitStack() as at_the_end:
        wire = await at_the_end.enter_async_context(Wire(own_redis.port))
        listening = [
            await at_the_end.enter_async_context(
                ListeningPod(
                    f"p{n}", new_redis_broker(wire.url, own_pods.prefix, f"p{n}", heartbeat_interval_seconds=0.05)
                )
            )
            for n in range(2)
        ]

        async def disturb() -> None:
            async with Redis.from_url(own_redis.url) as operator:
                while True:
                    await asyncio.sleep(choice.uniform(0, 0.2))
                    with contextlib.suppress(RedisError):
                        await operator.client_kill_filter(_type="pubsub")

        disturbing = asyncio.create_task(disturb())
        await check_that_pods_hear_exactly_what_was_published_meanwhile(
            listening, choice, steps=60, at_the_end_of_steps=disturbing.cancel
        )


# --- coming and going


async def test_a_pod_may_be_told_to_end_at_any_moment(own_pods: RedisPods) -> None:
    async with intake(own_pods, 1):
        for n in range(60):
            broker = own_pods.publisher(heartbeat_interval_seconds=0.005)
            pod = ListeningPod(f"p{n}", broker)
            running = asyncio.create_task(broker.run(pod.ears))
            joining = asyncio.create_task(broker.subscribe(ROOMS))
            await asyncio.sleep(n * 0.0005)
            for task in (running, joining):
                task.cancel()
            done, _ = await asyncio.wait([running, joining], timeout=PATIENCE_SECONDS)
            assert running in done
            assert running.cancelled()


async def test_a_pod_that_starts_before_redis_listens_once_that_is_there(
    own_pods: RedisPods, own_redis: RedisServer
) -> None:
    await own_redis.kill()
    broker = own_pods.publisher()
    pod = ListeningPod("early", broker)
    pod.listening = asyncio.create_task(broker.run(pod.ears))
    joining = asyncio.create_task(broker.subscribe(["r"]))
    await own_redis.start()
    await asyncio.wait_for(joining, PATIENCE_SECONDS)
    await broker.publish_once([publication("a", "r")])
    await pod.hears("a")
    await pod.stop_listening()
