"""From Kafka into rooms: what is poison is set aside, what is good arrives, and no outage loses anything."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from parts.fixtures import Connect, StartPod
from parts.kafka import Kafka
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.scrape import total
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, Topics
from parts.waiting import eventually

POISON = {
    "oversized": (b'{"orderId":"o","userId":"u","status":"' + b"x" * 300_000 + b'"}', "unreadable_record"),
    "not UTF-8": (b'{"orderId":"\xff\xfe"}', "unreadable_record"),
    "not JSON": (b"orderId=17", "unreadable_record"),
    "not an object": (b"[1, 2, 3]", "unreadable_record"),
    "no value": (None, "unreadable_record"),
    "wrong type": (b'{"orderId":17,"userId":"u","status":"shipped"}', "invalid_event"),
    "no owner": (b'{"orderId":"o","status":"shipped"}', "invalid_event"),
    "unknown version": (b'{"specversion":"9.9","id":"1","type":"order.updated","data":{}}', "invalid_event"),
    "foreign type": (b'{"specversion":"1.0","id":"1","type":"invoice.paid","data":{}}', "unknown_event_type"),
}


def order(number: int, user: str = "u", state: str = "shipped") -> dict[str, str]:
    return {"orderId": "o", "userId": user, "status": state, "trackingNumber": str(number)}


async def test_poison_goes_to_the_dead_letter_topic_with_its_reason_and_never_stops_the_partition(
    pod: Pod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    places = {}
    for number, (name, (value, _)) in enumerate(POISON.items()):
        await topics.produce("order.updated", order(number), partition=0)
        written = await topics.produce(
            "order.updated", value, key=name, partition=0, headers=[("traceparent", trace), ("producer", b"test")]
        )
        places[name] = written.offset
    await topics.produce("order.updated", order(len(POISON)), partition=0)
    await client.wait_for_event("order:updated", count=len(POISON) + 1)
    heard = [event.args[0]["trackingNumber"] for event in client.events("order:updated")]
    assert heard == [str(number) for number in range(len(POISON) + 1)]
    letters = {(letter.key or b"").decode(): letter for letter in await topics.read(DEAD_LETTERS)}
    assert set(letters) == set(POISON)
    for name, (value, code) in POISON.items():
        letter, headers = letters[name], dict(letters[name].headers)
        assert letter.value == value
        assert headers["dead-letter-topic"].decode() == topics.name("order.updated")
        assert headers["dead-letter-partition"] == b"0"
        assert int(headers["dead-letter-offset"]) == places[name]
        assert headers["dead-letter-code"].decode() == code
        assert len(headers["dead-letter-reason"]) > 10
        assert headers["traceparent"] == trace
        assert headers["producer"] == b"test"
    counted = await total(pod, "realtime_dead_letters_total")
    assert counted == len(POISON)
    assert await total(pod, "realtime_events_total", outcome="published", type="order.updated") == len(POISON) + 1


async def test_negative_stock_is_a_dead_letter(pod: Pod, topics: Topics) -> None:
    await topics.produce("inventory.updated", {"productId": "p", "stock": -1})

    async def letters() -> list[bytes]:
        return [dict(letter.headers)["dead-letter-reason"] for letter in await topics.read(DEAD_LETTERS)]

    (reason,) = await eventually(letters, 10, "the record is in the dead-letter topic")
    assert reason == b"stock: Input should be greater than or equal to 0"


async def test_cloudevents_are_taken_in_structured_and_binary(
    pod: Pod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    attributes = {"specversion": "1.0", "id": "ce-1", "source": "/shop", "type": "com.shop.order.updated"}
    await topics.produce("order.updated", {**attributes, "data": order(1)}, partition=0)
    headers = [(f"ce_{name}", value.encode()) for name, value in (attributes | {"id": "ce-2"}).items()]
    await topics.produce("order.updated", order(2), partition=0, headers=headers)
    await client.wait_for_event("order:updated", count=2)
    assert [event.args[0]["eventId"] for event in client.events("order:updated")] == ["ce-1", "ce-2"]


@pytest.fixture
async def own_pod(start_pod: StartPod, own_redis: RedisServer) -> Pod:
    """A pod with a Redis of its own, to take away."""
    return await start_pod(REALTIME_REDIS__URL=own_redis.url)


@pytest.mark.parametrize("fault", ["killed and restarted with its data", "frozen"])
async def test_redis_away_costs_time_and_loses_nothing(
    own_pod: Pod, own_redis: RedisServer, topics: Topics, connect: Connect, issuer: Issuer, fault: str
) -> None:
    client = await connect(own_pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    await topics.produce("order.updated", order(0), partition=0)
    await client.wait_for_event("order:updated")
    if fault == "frozen":
        own_redis.pause()
    else:
        await own_redis.kill()
    for number in range(1, 10):
        await topics.produce("order.updated", order(number), partition=number % 3)

    async def is_not_ready() -> bool:
        return not await own_pod.is_ready()

    await eventually(is_not_ready, 20, "the pod says that it is not ready")
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{own_pod.url}/health/live")).status_code == 200

    async def waits() -> bool:
        return await total(own_pod, "realtime_kafka_paused_partitions") > 0

    await eventually(waits, 20, "the partitions wait")
    assert client.sid is not None, "the socket stays"
    if fault == "frozen":
        own_redis.resume()
    else:
        await own_redis.start()
    await client.wait_for_event("order:updated", count=10, timeout_seconds=30)
    await eventually(own_pod.is_ready, 20, "the pod is ready again")
    heard = sorted(int(event.args[0]["trackingNumber"]) for event in client.events("order:updated"))
    assert heard == list(range(10))
    assert await topics.read(DEAD_LETTERS) == []


async def test_kafka_away_leaves_sockets_and_rest_alone_and_is_caught_up_with(
    own_kafka: Kafka, prefix: str, start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    pod = await start_pod(**topics.settings)
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    await topics.produce("order.updated", order(0), key="o")
    await client.wait_for_event("order:updated")
    await own_kafka.stop()
    token = issuer.token("shop", "service")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        body = {"userId": "u", "orderId": "o", "status": "packed"}
        assert (await http.post(f"{pod.url}/realtime/broadcast/order", json=body)).status_code == 202
    await client.wait_for_event("order:updated", count=2)
    assert await pod.is_ready(), "clients may still be sent here"
    await own_kafka.start()
    await topics.produce("order.updated", order(1), key="o")
    await client.wait_for_event("order:updated", count=3, timeout_seconds=60)


async def test_a_pod_that_goes_on_after_another_repeats_nothing_and_skips_nothing(
    start_pod: StartPod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    listener = await start_pod(roles="sockets")
    client = await connect(listener.url, issuer.token("u"))
    await client.command("subscribe:orders")
    async with topics.producer() as producer:
        for number in range(600):
            value = json.dumps(order(number)).encode()
            await producer.send(topics.name("order.updated"), value, partition=0)
            if number in {200, 400}:
                await producer.flush()
                intake = await start_pod(roles="intake")
                await client.wait_for_event("order:updated", count=number // 2)
                await (intake.kill() if number == 200 else intake.terminate())
        await producer.flush()
    await start_pod(roles="intake")
    await client.wait_for_event("order:updated", count=600, timeout_seconds=30)
    heard = [event.args[0]["trackingNumber"] for event in client.events("order:updated")]
    assert heard == [str(number) for number in range(600)]


async def test_roles_split_intake_from_sockets(start_pod: StartPod, issuer: Issuer) -> None:
    sockets = await start_pod(roles="sockets")
    intake = await start_pod(roles="intake")
    async with httpx.AsyncClient() as http:
        handshake = "/socket.io/?EIO=4&transport=polling"
        assert (await http.get(sockets.url + handshake)).status_code == 200
        assert (await http.get(intake.url + handshake)).status_code == 404
    assert await total(sockets, "realtime_kafka_assigned_partitions") == 0
    assert await total(intake, "realtime_kafka_assigned_partitions") == 18


async def test_intake_commits_what_it_has_published_and_leaves_the_group_at_once_at_sigterm(
    start_pod: StartPod, topics: Topics
) -> None:
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415

    pod = await start_pod(REALTIME_KAFKA__COMMIT_INTERVAL_SECONDS="30", REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS="60")
    for number in range(7):
        await topics.produce("order.updated", order(number), partition=1)

    async def published() -> bool:
        return await total(pod, "realtime_events_total", outcome="published") == 7

    await eventually(published, 10, "all seven are published")
    assert await pod.terminate() == 0
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka.bootstrap_servers)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(topics.group_id)
    finally:
        await admin.close()
    committed = {(tp.topic, tp.partition): at.offset for tp, at in offsets.items() if at.offset > 0}
    assert committed == {(topics.name("order.updated"), 1): 7}
    # Ready means that it has its share of the partitions: it would wait for longer than a start may take, had the other
    # not left the group.
    await start_pod(REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS="60")


async def test_a_pod_that_leaves_while_kafka_is_away_still_moves_its_sockets(
    own_kafka: Kafka, prefix: str, start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    # Something published that cannot be committed any more, for which aiokafka would ask Kafka for ever.
    pod = await start_pod(**topics.settings, REALTIME_KAFKA__COMMIT_INTERVAL_SECONDS="60")
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    await topics.produce("order.updated", order(0), key="o")
    await client.wait_for_event("order:updated")
    await own_kafka.kill()
    assert await pod.terminate() == 0, pod.log_tail(60)
    await client.wait_for_event("server:draining")
    assert "sessions_moved" in pod.log.read_text(), pod.log_tail()


async def test_a_pod_that_can_publish_nothing_leaves_its_partitions_until_it_finds_redis_again(
    start_pod: StartPod, own_redis: RedisServer, topics: Topics
) -> None:
    pod = await start_pod(
        REALTIME_REDIS__URL=own_redis.url,
        REALTIME_REDIS__COMMAND_TIMEOUT_SECONDS="1",
        REALTIME_KAFKA__RELEASE_AFTER_SECONDS="1",
        roles="intake",
    )
    await topics.produce("order.updated", order(0), partition=0)

    async def published() -> float:
        return await total(pod, "realtime_events_total", outcome="published")

    await eventually(lambda: _is(published, 1), 10, "the first is published")
    own_redis.pause()
    await topics.produce("order.updated", order(1), partition=0)

    async def has_left() -> bool:
        restarts = await total(pod, "realtime_kafka_consumer_restarts_total", reason="held_up")
        return restarts == 1 and await total(pod, "realtime_kafka_assigned_partitions") == 0

    await eventually(has_left, 20, "others may have its partitions")
    own_redis.resume()
    # The frozen Redis may have taken the second after all; then it is not published again, and not counted.
    await topics.produce("order.updated", order(2), partition=0)

    async def goes_on() -> bool:
        return await published() >= 2

    await eventually(goes_on, 20, "it goes on")
    assert await total(pod, "realtime_kafka_assigned_partitions") == 18


async def test_a_pod_that_the_group_tells_nothing_begins_anew_and_says_so(start_pod: StartPod, tmp_path: Path) -> None:
    # The group waits for a member that is frozen until its session has timed out, and tells nobody anything.
    frozen = await start_pod(REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS="60", roles="intake")
    frozen.stop_the_world()
    starting = asyncio.create_task(
        start_pod(
            REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS="6",
            REALTIME_KAFKA__NO_ASSIGNMENT_RESTART_SECONDS="7",
            roles="intake",
        )
    )

    def says_so() -> bool:
        return any("consumer_given_up" in log.read_text() for log in tmp_path.glob("*/log"))

    await eventually(says_so, 30, "the one that waits begins anew")
    await frozen.terminate()
    waiting = await starting
    assert await total(waiting, "realtime_kafka_consumer_restarts_total", reason="no_assignment") >= 1

    async def has_all() -> bool:
        return await total(waiting, "realtime_kafka_assigned_partitions") == 18

    # The client that was given up may be a member, too, until its own session has timed out.
    await eventually(has_all, 30, "it takes in all partitions")


async def _is(measured: Callable[[], Awaitable[float]], expected: float) -> bool:
    return await measured() == expected
