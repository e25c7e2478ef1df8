"""Ten thousand order events, two thousand sockets, three pods: each event arrives once, in order, where it belongs.

What Kafka holds is the measure: the topic is read back, and the sockets and the rooms' histories in Redis are held
against it.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from parts.crowd import Crowd, Listener
from parts.fixtures import MakeCluster
from parts.pod import Cluster
from parts.waiting import eventually

EVENTS = 10_000
USERS = [f"user-{number}" for number in range(200)]
ADMINS = [f"admin-{number}" for number in range(20)]
SOCKETS = 2_000
STATES = ("confirmed", "processing", "packed", "shipped", "delivered")
# About as fast as two cores take it in while two thousand sockets listen on them as well.
EVENTS_PER_SECOND = 500

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
async def cluster(make_cluster: MakeCluster) -> Cluster:
    return await make_cluster(
        pods=3,
        settings={
            # Nothing of what is held against Kafka at the end may be trimmed.
            "REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM": "20000",
            # A killed pod's sockets come back to two pods that are busy with everybody else's messages.
            "REALTIME_SOCKETS__WAITING_MAX_BYTES": "16000000",
        },
    )


async def test_every_event_arrives_once_and_in_order_at_each_socket_that_may_see_it(cluster: Cluster) -> None:
    async with _everybody_listens(cluster) as crowd:
        await _produce(cluster, range(EVENTS))
        kafka = await _events_in_kafka(cluster)
        await _everything_is_heard(crowd.listeners, kafka)
        assert len(kafka) == EVENTS
        for listener in crowd.listeners:
            assert _misplaced(listener) == []
            assert _events(listener) == _by_order(record for record in kafka if _may_see(listener, record))


async def test_a_pod_that_is_killed_halfway_costs_the_others_nothing_and_the_rooms_nothing(cluster: Cluster) -> None:
    async with _everybody_listens(cluster) as crowd:
        await _produce(cluster, range(EVENTS // 2))
        killing = asyncio.create_task(cluster.pods[0].kill())
        await _produce(cluster, range(EVENTS // 2, EVENTS))
        await killing
        await eventually(crowd.all_listen, 90, "the sockets of the killed pod have come back")
        kafka = await _events_in_kafka(cluster)
        stayed = [listener for listener in crowd.listeners if listener.connections == 1]
        moved = [listener for listener in crowd.listeners if listener not in stayed]
        assert len(kafka) == EVENTS
        assert len(moved) > SOCKETS // 6, "the killed pod held about a third of the sockets"
        await _everything_is_heard(stayed, kafka)
        for listener in stayed:
            assert _misplaced(listener) == []
            assert _events(listener) == _by_order(record for record in kafka if _may_see(listener, record))
        for listener in moved:
            assert _misplaced(listener) == []
            _check_one_gap_and_nothing_twice(listener, kafka)
        histories = await _histories(cluster)
    # Every event that Kafka holds went into its owner's room and the admins' room, once and in order.
    assert histories["admin:dashboard"] == _by_order(kafka)
    for user in USERS:
        assert histories[f"orders:{user}"] == _by_order(record for record in kafka if record["buyerId"] == user)


@asynccontextmanager
async def _everybody_listens(cluster: Cluster) -> AsyncIterator[Crowd]:
    async with Crowd(cluster.url, keep=lambda name: name in {"order:updated", "admin:order:updated"}) as crowd:
        for admin in ADMINS:
            crowd.add(Listener(admin, cluster.issuer.token(admin, "admin"), ("subscribe:admin",)))
        for number in range(SOCKETS - len(ADMINS)):
            user = USERS[number % len(USERS)]
            crowd.add(Listener(user, cluster.issuer.token(user), ("subscribe:orders",)))
        await eventually(crowd.all_listen, 90, "two thousand sockets are connected and in their rooms")
        yield crowd


async def _produce(cluster: Cluster, numbers: Sequence[int]) -> None:
    """Write numbered order events, several for each order, at an even pace."""
    chance = random.Random(numbers[0])
    loop = asyncio.get_running_loop()
    async with cluster.topics.producer() as producer:
        started = loop.time()
        for number in numbers:
            user = chance.choice(USERS)
            order_id = f"{user}-order-{chance.randrange(5)}"
            event = {
                "orderId": order_id,
                "buyerId": user,
                "status": chance.choice(STATES),
                "trackingNumber": str(number),
            }
            await producer.send(cluster.topics.name("order.updated"), json.dumps(event).encode(), key=order_id.encode())
            if number % 50 == 0:
                due = started + (number - numbers[0]) / EVENTS_PER_SECOND
                await asyncio.sleep(max(0.0, due - loop.time()))
        await producer.flush()


async def _events_in_kafka(cluster: Cluster) -> list[dict[str, str]]:
    return [json.loads(record.value or b"") for record in await cluster.topics.read("order.updated")]


def _may_see(listener: Listener, event: dict[str, str]) -> bool:
    return listener.user_id in ADMINS or event["buyerId"] == listener.user_id


async def _everything_is_heard(listeners: Iterable[Listener], kafka: Sequence[dict[str, str]]) -> None:
    due = Counter(event["buyerId"] for event in kafka) | Counter(dict.fromkeys(ADMINS, len(kafka)))

    def behind() -> list[str]:
        return [
            f"{one.user_id}: {len(one.heard)} of {due[one.user_id]}"
            for one in listeners
            if len(one.heard) < due[one.user_id]
        ]

    try:
        await eventually(lambda: not behind(), 120, "every socket hears as many events as Kafka holds for it")
    except AssertionError as error:
        error.add_note(f"{len(behind())} sockets are behind, such as {behind()[:20]}")
        raise


def _by_order(events: Iterable[dict[str, str]]) -> dict[str, list[str]]:
    """Order id -> the numbers of its events, in their order."""
    numbers = defaultdict(list)
    for event in events:
        numbers[event["orderId"]].append(event["trackingNumber"])
    return dict(numbers)


def _events(listener: Listener) -> dict[str, list[str]]:
    return _by_order(data for _, data in listener.heard)


def _misplaced(listener: Listener) -> list[tuple[str, dict[str, str]]]:
    """What it heard and may not see, or heard by a wrong name."""
    name = "admin:order:updated" if listener.user_id in ADMINS else "order:updated"
    return [heard for heard in listener.heard if heard[0] != name or not _may_see(listener, heard[1])]


def _check_one_gap_and_nothing_twice(listener: Listener, kafka: Sequence[dict[str, str]]) -> None:
    """Who lost its pod heard each order's events but for one run of them, those that passed while it was away."""
    due = _by_order(event for event in kafka if _may_see(listener, event))
    for order_id, heard in _events(listener).items():
        missed = [number for number in due[order_id] if number not in set(heard)]
        first = due[order_id].index(missed[0]) if missed else 0
        assert heard == due[order_id][:first] + due[order_id][first + len(missed) :], (listener.user_id, order_id)


async def _histories(cluster: Cluster) -> dict[str, dict[str, list[str]]]:
    """Room -> what its history in Redis holds of orders' updates."""
    rooms = ["admin:dashboard", *(f"orders:{user}" for user in USERS)]
    histories = {}
    async with Redis.from_url(cluster.redis.url) as redis:
        for room in rooms:
            entries = await redis.xrange(f"{cluster.topics.prefix}:{{0}}:history:{room}")
            packets = [fields[b"m"].partition(b"\n")[2] for _, fields in entries]
            histories[room] = _by_order(json.loads(packet[1:])[1] for packet in packets)
    return histories
