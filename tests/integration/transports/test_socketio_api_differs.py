"""Where our manager does more, or other, than python-socketio's Redis manager; each test says why."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from integration.transports.api_pods import CHAT, UNSUBSCRIBE_DELAY_SECONDS, ApiCluster, OurPod, StockPod, api_pods
from integration.transports.test_socketio_api_across_pods import is_so
from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.errors import RedisUnavailable
from realtime.transports.socketio.manager import broker_room
from suites.listening import PATIENCE_SECONDS, publication

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def subscribers(redis: Redis, pod: OurPod, *rooms: str) -> list[int]:
    """How many pods listen to each of the rooms."""
    counts = await redis.pubsub_numsub(*(pod.keys.room + room for room in rooms))
    return [count for _, count in counts]


# --- flat cost: a pod hears only what its members do


async def test_a_pod_without_members_receives_nothing(
    ours: ApiCluster, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, pod = await ours.connect(0), ours.pods[0]
    await pod.server.enter_room(client.sid, "r")
    await pod.server.enter_room(client.chat_sid, "r", namespace=CHAT)
    await ours.pods[1].server.enter_room(client.sid, "s")
    rooms = ("r", broker_room(CHAT, "r"), "s", "elsewhere")
    assert await subscribers(redis, pod, *rooms) == [1, 1, 1, 0]
    other = await ours.connect(2)
    await ours.pods[2].server.enter_room(other.sid, "r")
    assert await subscribers(redis, pod, *rooms) == [2, 1, 1, 0]

    told: list[int] = []
    for one in ours.pods:
        monkeypatch.setattr(
            one.manager, "on_deliveries", lambda told_now, pod=one: told.extend(ours.pods.index(pod) for _ in told_now)
        )
    await ours.pods[1].broker.publish_once([publication('2["hello"]', "r", "s", "elsewhere")])
    await is_so(lambda: len(told) >= 3)
    assert sorted(told) == [0, 0, 2]


async def test_a_room_is_let_go_with_its_last_member_however_that_goes(ours: ApiCluster, redis: Redis) -> None:
    clients = [await ours.connect(0) for _ in range(4)]
    pod = ours.pods[0]
    rooms = ["left", "closed", "disconnected", "gone"]
    for client, room in zip(clients, rooms, strict=True):
        await pod.server.enter_room(client.sid, room)
    assert await subscribers(redis, pod, *rooms) == [1] * 4
    await ours.pods[1].server.leave_room(clients[0].sid, "left")
    await ours.pods[1].server.close_room("closed")
    await ours.pods[1].server.disconnect(clients[2].sid)
    await clients[3].close()

    async def are_let_go() -> bool:
        return await subscribers(redis, pod, *rooms) == [0] * 4

    await eventually(are_let_go, PATIENCE_SECONDS, "nobody listens to them")


async def test_a_member_that_comes_back_at_once_finds_its_room_still_subscribed(ours: ApiCluster, redis: Redis) -> None:
    client, server = await ours.connect(0), ours.pods[0].server
    for n in range(20):
        await server.enter_room(client.sid, "r")
        await ours.pods[1].server.emit("hello", to="r")
        await client.wait_for_event("hello", n + 1)
        await server.leave_room(client.sid, "r")
    await asyncio.sleep(UNSUBSCRIBE_DELAY_SECONDS)


async def test_when_all_have_gone_nothing_is_kept(ours: ApiCluster, redis: Redis) -> None:
    clients = [await ours.connect(n % 2) for n in range(6)]
    for n, client in enumerate(clients):
        await ours.pods[n % 3].server.enter_room(client.sid, "r")
        await ours.pods[n % 3].server.enter_room(client.chat_sid, f"r{n}", namespace=CHAT)
        await ours.pods[n % 3].ask(client.sid, "question")
    for client in clients:
        await client.close()
    for pod in ours.pods:
        await is_so(lambda pod=pod: not pod.manager.rooms)
        assert (pod.manager._namespaces, pod.manager.callbacks, pod.manager._awaited_acks) == ({}, {}, {})
        await is_so(lambda pod=pod: not pod.broker._subscriber._rooms)
    channels = await redis.pubsub_channels(f"{ours.pods[0].keys.room}*")
    assert channels == []


# --- a failed publish raises


@pytest_asyncio.fixture(loop_scope="module")
async def own_redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="module")
async def fragile(own_redis: RedisServer, prefix: str) -> AsyncIterator[ApiCluster]:
    """Two pods over a Redis of the test's own, to kill."""
    async with api_pods(OurPod, own_redis.url, prefix, 2) as pods, ApiCluster(pods) as cluster:
        yield cluster


async def has_heard_since(moment: float, pod: OurPod) -> None:
    """A heartbeat of a moment ago may be the killed Redis's; one that came since says that all rooms are heard again."""
    await is_so(lambda: pod.broker.heard_seconds_ago() < time.monotonic() - moment)


async def test_what_cannot_reach_the_other_pods_raises(fragile: ApiCluster, own_redis: RedisServer) -> None:
    """The stock manager tries twice, logs, and returns None: the caller believes that it was said."""
    here, there = await fragile.connect(0), await fragile.connect(1)
    server = fragile.pods[0].server
    await server.enter_room(here.sid, "r")
    await own_redis.kill()
    for doing in (
        server.emit("hello"),
        server.emit("hello", to="r"),
        server.emit("hello", to=["r", "s"]),
        server.emit("hello", to=there.sid),
        server.emit("hello", to=there.sid, callback=print),
        server.enter_room(there.sid, "r"),
        server.leave_room(there.sid, "r"),
        server.close_room("r"),
        server.disconnect(there.sid),
    ):
        with pytest.raises(RedisUnavailable):
            await doing
    # What needs no other pod works without Redis.
    assert await fragile.pods[0].ask(here.sid, "here") == ()
    await server.emit("only here", ignore_queue=True)
    await here.is_told("here", "only here")


async def test_rooms_and_sessions_outlive_an_outage(fragile: ApiCluster, own_redis: RedisServer) -> None:
    here, there = await fragile.connect(0), await fragile.connect(1)
    for client, pod in zip((here, there), fragile.pods, strict=True):
        await pod.server.enter_room(client.sid, "r")
    await own_redis.kill()
    joining = asyncio.create_task(fragile.pods[1].server.enter_room(there.sid, "joined meanwhile"))
    restarted_at = time.monotonic()
    await own_redis.start()
    await asyncio.wait_for(joining, PATIENCE_SECONDS)
    for pod in fragile.pods:
        await has_heard_since(restarted_at, pod)
    await fragile.pods[0].server.emit("hello", to="r")
    await fragile.pods[0].server.emit("you", to="joined meanwhile")
    await here.is_told("hello")
    await there.is_told("hello", "you")


async def test_a_room_that_was_not_joined_in_time_is_not_joined(fragile: ApiCluster, own_redis: RedisServer) -> None:
    client, pod = await fragile.connect(0), fragile.pods[0]
    await own_redis.kill()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pod.server.enter_room(client.sid, "r"), 0.3)
    assert pod.server.rooms(client.sid) == [client.sid]
    restarted_at = time.monotonic()
    await own_redis.start()
    await has_heard_since(restarted_at, pod)
    await pod.server.emit("nobody", to="r")
    await pod.server.emit("hello")
    await client.is_told("hello")


# --- order


async def test_emits_and_published_messages_of_a_room_keep_their_order(ours: ApiCluster) -> None:
    """The stock manager knows no published messages; ours puts both through one channel."""
    client, pod = await ours.connect(0), ours.pods[1]
    await ours.pods[0].server.enter_room(client.sid, "r")
    for n in range(30):
        await pod.broker.publish_once([publication(f'2["published",{n}]', "r")])
        await pod.server.emit("emitted", n, to="r")
    await ours.is_up_to_date(client)
    assert client.said == [said for n in range(30) for said in (("published", n), ("emitted", n))]


async def test_a_members_order_is_the_same_on_all_pods(ours: ApiCluster) -> None:
    """With the stock manager each pod hears its own emits at once and others' later; ours all come through Redis."""
    clients = [await ours.connect(n) for n in range(3)]
    for client, pod in zip(clients, ours.pods, strict=True):
        await pod.server.enter_room(client.sid, "r")

    async def emit(pod: OurPod, name: str) -> None:
        for n in range(30):
            await pod.server.emit(name, n, to="r")

    await asyncio.gather(*(emit(pod, f"from {number}") for number, pod in enumerate(ours.pods)))
    await ours.is_up_to_date(*clients)
    assert len(clients[0].said) == 90
    assert clients[0].said == clients[1].said == clients[2].said


# --- binary, over both transports


async def test_binary_reaches_websockets_and_polling_alike(ours: ApiCluster) -> None:
    """The stock manager encodes a packet once, for whichever transport comes first; the other's clients are lost."""
    clients = [
        await ours.connect(0, transports=[transport]) for transport in ("websocket", "polling", "polling", "websocket")
    ]
    for client in clients:
        await ours.pods[0].server.enter_room(client.sid, "r")
    for n in range(3):
        await ours.pods[1].server.emit("binary", (n, b"\x00\xff", {"more": b"x"}), to="r")
    for client in clients:
        await client.is_told(*(("binary", n, b"\x00\xff", {"more": b"x"}) for n in range(3)))


# --- callbacks


async def test_an_answer_may_be_binary_wherever_it_was_asked(ours: ApiCluster) -> None:
    """The stock manager writes answers as JSON, and cannot write these."""
    client = await ours.connect(0)
    for pod in ours.pods:
        assert await pod.ask(client.sid, "question", (b"\x00\xff", {"more": [b"x"]})) == (b"\x00\xff", {"more": [b"x"]})


async def test_a_callback_may_itself_ask(ours: ApiCluster) -> None:
    """The stock manager takes no other answer, and nothing else, before a callback has returned: this would time out."""
    client, pod = await ours.connect(0), ours.pods[1]
    answers: asyncio.Queue[Any] = asyncio.Queue()

    async def ask_more(answer: int) -> None:
        await answers.put(await pod.ask(client.sid, "more", answer + 1))

    await pod.server.emit("first", 1, to=client.sid, callback=ask_more)
    assert await asyncio.wait_for(answers.get(), PATIENCE_SECONDS) == (2,)


async def test_only_one_session_can_be_asked(ours: ApiCluster) -> None:
    """python-socketio documents callbacks for one session; its managers let a room be asked, and take some answers."""
    client = await ours.connect(0)
    await ours.pods[0].server.enter_room(client.sid, "r")
    for to in ("r", None, ["r"], [client.sid, "r"]):
        with pytest.raises(ValueError, match="one session"):
            await ours.pods[1].server.emit("question", to=to, callback=print)


async def test_who_is_nowhere_cannot_enter_a_room(ours: ApiCluster) -> None:
    """The stock manager asks all pods, and says nothing when nobody knows the session. Ours reads the pod in its id."""
    client = await ours.connect(0)
    gone = client.sid
    await client.close()
    await is_so(lambda: ours.pods[0].left)
    with pytest.raises(ValueError, match="not connected"):
        await ours.pods[0].server.enter_room(gone, "r")
    with pytest.raises(ValueError, match="not connected"):
        await ours.pods[1].server.enter_room("nobody", "r")
    await ours.pods[1].server.enter_room(gone, "r")  # it might have gone just now
    assert ours.pods[0].manager.rooms == {}


async def test_a_pod_that_does_not_answer_is_told(ours: ApiCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.transports.socketio.manager.ENTER_ROOM_SECONDS", 0.05)
    with pytest.raises(RedisUnavailable, match="does not answer"):
        await ours.pods[0].server.enter_room("AAAAAAAAAAAAAAAA.gonegone", "r")
    assert ours.pods[0].manager._awaited_acks == {}


# --- the stock manager, for the record


async def test_the_stock_manager_says_nothing_when_it_cannot_publish(own_redis: RedisServer, prefix: str) -> None:
    async with api_pods(StockPod, own_redis.url, prefix, 2) as pods, ApiCluster(pods) as stock:
        there = await stock.connect(1)
        await own_redis.kill()
        assert await stock.pods[0].server.emit("hello", to=there.sid) is None
