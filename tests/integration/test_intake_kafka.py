"""What Kafka does to its consumers: rebalances, restarts, gaps, transactions, topics that come, grow and are made anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from parts.clients import Client
from parts.fixtures import Connect, StartPod, takes_apache_kafka
from parts.kafka import Kafka
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.scrape import metrics, total
from parts.tokens import Issuer
from parts.topics import EVENT_TOPICS, Topics
from parts.waiting import eventually
from realtime.intake.connection import ASSIGNOR

TOPIC = "order.updated"
apache_kafka_alone = pytest.mark.skipif(not takes_apache_kafka(), reason="the embedded broker cannot do this")


def order(number: int) -> bytes:
    return json.dumps({"orderId": "o", "userId": "u", "status": "shipped", "trackingNumber": str(number)}).encode()


def heard(client: Client) -> list[int]:
    return [int(event.args[0]["trackingNumber"]) for event in client.events("order:updated")]


@asynccontextmanager
async def admin_of(topics: Topics) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def producer_of(
    topics: Topics, transactional_id: str | None = None, compression: str | None = None
) -> AsyncIterator[AIOKafkaProducer]:
    """One that writes each record once, also when its broker goes away meanwhile."""
    producer = AIOKafkaProducer(
        bootstrap_servers=topics.kafka.bootstrap_servers,
        enable_idempotence=True,
        transactional_id=transactional_id,
        compression_type=compression,
        request_timeout_ms=60_000,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def committed(topics: Topics, partition: int) -> int:
    async with admin_of(topics) as admin:
        offsets = await admin.list_consumer_group_offsets(topics.group_id)
    return next((at.offset for tp, at in offsets.items() if tp == (topics.name(TOPIC), partition)), -1)


@asynccontextmanager
async def position_key(
    topics: Topics, server: RedisServer, partition: int
) -> AsyncIterator[tuple[redis.asyncio.Redis, bytes]]:
    client = redis.asyncio.Redis.from_url(server.url)
    try:
        (key,) = [k async for k in client.scan_iter(f"{topics.prefix}:*:position:{topics.name(TOPIC)}:{partition}")]
        yield client, key
    finally:
        await client.aclose()


async def kafka_check(pod: Pod) -> str:
    async with httpx.AsyncClient() as client:
        return str((await client.get(f"{pod.url}/health")).json()["checks"]["kafka"])


@pytest.fixture
async def listener(start_pod: StartPod, connect: Connect, issuer: Issuer) -> Client:
    """A client of a pod that takes nothing in."""
    pod = await start_pod(roles="sockets")
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    return client


async def test_partitions_that_are_taken_away_in_mid_batch_are_continued_without_loss_or_repetition(
    start_pod: StartPod, topics: Topics, own_redis: RedisServer, connect: Connect, issuer: Issuer
) -> None:
    own = {"REALTIME_REDIS__URL": own_redis.url, "REALTIME_REDIS__COMMAND_TIMEOUT_SECONDS": "2"}
    sockets = await start_pod(roles="sockets", **own)
    client = await connect(sockets.url, issuer.token("u"))
    await client.command("subscribe:orders")
    intake = await start_pod(roles="intake", **own)
    async with topics.producer() as producer:
        for number in range(100):
            await producer.send(topics.name(TOPIC), order(number), partition=0)
        await producer.flush()
        await client.wait_for_event("order:updated", count=100, timeout_seconds=30)
        own_redis.pause()
        for number in range(100, 300):
            await producer.send(topics.name(TOPIC), order(number), partition=0)
        await producer.flush()

    async def is_waiting() -> bool:
        return await total(intake, "realtime_kafka_paused_partitions") >= 1

    await eventually(is_waiting, 20, "a batch is under way")
    # Another member of the group, which takes its share and does nothing with it.
    other = AIOKafkaConsumer(
        *(topics.name(topic) for topic in EVENT_TOPICS),
        bootstrap_servers=topics.kafka.bootstrap_servers,
        group_id=topics.group_id,
        enable_auto_commit=False,
        partition_assignment_strategy=(ASSIGNOR,),
    )
    await other.start()  # returns once it has its share
    assert other.assignment()
    assert await committed(topics, 0) <= 100, "nothing is committed that Redis has not taken"
    own_redis.resume()
    await other.stop()
    await client.wait_for_event("order:updated", count=300, timeout_seconds=60)
    assert heard(client) == list(range(300))

    async def is_committed() -> bool:
        return await committed(topics, 0) == 300

    await eventually(is_committed, 20, "all is committed")


async def test_each_topics_partitions_are_shared_by_all_pods(start_pod: StartPod, topics: Topics) -> None:
    pods = [await start_pod(roles="intake") for _ in range(3)]

    async def is_shared() -> bool:
        lags = [await metrics(pod) for pod in pods]
        of_pods = [
            sorted(dict(labels)["topic"] for sample, labels in lag if sample == "realtime_kafka_consumer_lag_seconds")
            for lag in lags
        ]
        return all(of_pod == sorted(topics.name(topic) for topic in EVENT_TOPICS) for of_pod in of_pods)

    await eventually(is_shared, 60, "each of three pods has one of the three partitions of each topic")


async def test_a_pod_that_was_frozen_in_a_rebalance_cannot_commit_and_repeats_nothing(
    start_pod: StartPod, topics: Topics, listener: Client
) -> None:
    frozen = await start_pod(roles="intake")
    async with topics.producer() as producer:
        for number in range(300):
            await producer.send(topics.name(TOPIC), order(number), partition=number % 3)
            if number == 100:
                await producer.flush()
                await listener.wait_for_event("order:updated", count=50, timeout_seconds=30)
                frozen.stop_the_world()
                starting = asyncio.create_task(start_pod(roles="intake"))
        await producer.flush()
    other = await starting  # ready: the group has given up the frozen one
    await listener.wait_for_event("order:updated", count=300, timeout_seconds=60)
    frozen.go_on()

    async def share() -> bool:
        taken = [await total(pod, "realtime_kafka_assigned_partitions") for pod in (frozen, other)]
        return sum(taken) == 18 and min(taken) > 0

    await eventually(share, 60, "both have their share again")
    async with topics.producer() as producer:
        for number in range(300, 330):
            await producer.send(topics.name(TOPIC), order(number), partition=number % 3)
        await producer.flush()
    await listener.wait_for_event("order:updated", count=330, timeout_seconds=30)
    for partition in range(3):
        assert [n for n in heard(listener) if n % 3 == partition] == list(range(partition, 330, 3))
    assert len(heard(listener)) == 330


async def test_a_broker_that_is_killed_and_restarted_in_mid_stream_costs_time_alone(
    own_kafka: Kafka, prefix: str, start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    pod = await start_pod(**topics.settings)
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    async with producer_of(topics) as producer:
        sent = []
        for number in range(600):
            sent.append(await producer.send(topics.name(TOPIC), order(number), partition=0))
            if number == 300:
                await client.wait_for_event("order:updated", count=100, timeout_seconds=30)
                await own_kafka.kill()
                starting = asyncio.create_task(own_kafka.start())
        await starting
        await asyncio.gather(*sent)
    await client.wait_for_event("order:updated", count=600, timeout_seconds=90)
    assert heard(client) == list(range(600))


@apache_kafka_alone
async def test_what_a_transaction_took_back_is_no_fact_and_its_markers_are_no_gap(
    start_pod: StartPod, topics: Topics, listener: Client
) -> None:
    await start_pod(roles="intake")
    async with producer_of(topics, f"{topics.prefix}-tx") as producer:
        for number in range(0, 40, 2):
            async with producer.transaction():
                await producer.send_and_wait(topics.name(TOPIC), order(number), partition=0)
            await producer.begin_transaction()
            await producer.send_and_wait(topics.name(TOPIC), order(number + 1), partition=0)
            await producer.abort_transaction()
    await topics.produce(TOPIC, order(40), partition=0)
    await listener.wait_for_event("order:updated", count=21, timeout_seconds=30)
    assert heard(listener) == list(range(0, 41, 2))


@apache_kafka_alone
async def test_gaps_that_compaction_leaves_are_no_gap(start_pod: StartPod, topics: Topics, listener: Client) -> None:
    await topics.delete(TOPIC)
    compacting = {
        "cleanup.policy": "compact",
        "segment.ms": "200",
        "min.cleanable.dirty.ratio": "0.0",
        "min.compaction.lag.ms": "0",
        "max.compaction.lag.ms": "200",
    }

    await eventually(lambda: _is_created(topics, compacting), 20, "the topic is created")

    async def has_gaps() -> bool:
        # A segment is closed by the next record alone.
        await topics.produce(TOPIC, order(99), key="changing", partition=0)
        offsets = [record.offset for record in await topics.read(TOPIC)]
        return offsets[0] == 0 and offsets != list(range(len(offsets)))

    await topics.produce(TOPIC, order(0), key="kept", partition=0)
    async with topics.producer() as producer:
        for number in range(1, 50):
            await producer.send_and_wait(topics.name(TOPIC), order(number), key=b"changing", partition=0)
    await eventually(has_gaps, 90, "compaction has left gaps")
    await start_pod(roles="intake")
    await topics.produce(TOPIC, order(100), key="end", partition=0)

    async def has_come() -> bool:
        return 100 in heard(listener)

    await eventually(has_come, 30, "the last has come")
    assert heard(listener)[0] == 0
    ids = [event.args[0]["eventId"] for event in listener.events("order:updated")]
    assert len(set(ids)) == len(ids)


@apache_kafka_alone
async def test_partitions_that_are_added_are_taken_in(start_pod: StartPod, topics: Topics, listener: Client) -> None:
    pod = await start_pod(roles="intake", REALTIME_KAFKA__METADATA_REFRESH_SECONDS="1")
    assert await total(pod, "realtime_kafka_assigned_partitions") == 18
    async with admin_of(topics) as admin:
        await admin.create_partitions({topics.name(TOPIC): NewPartitions(4)})

    async def has_all() -> bool:
        return await total(pod, "realtime_kafka_assigned_partitions") == 19

    await eventually(has_all, 30, "the new partition is taken in")
    await topics.produce(TOPIC, order(0), partition=3)
    await listener.wait_for_event("order:updated", timeout_seconds=30)


@apache_kafka_alone
async def test_a_topic_of_which_kafka_knew_nothing_is_soon_taken_in(
    start_pod: StartPod, topics: Topics, listener: Client
) -> None:
    await topics.delete(TOPIC)
    pod = await start_pod(roles="intake", REALTIME_KAFKA__METADATA_REFRESH_SECONDS="600")
    assert await total(pod, "realtime_kafka_assigned_partitions") == 15
    await eventually(lambda: _is_created(topics), 20, "the topic is created")
    await topics.produce(TOPIC, order(0), partition=0)
    await listener.wait_for_event("order:updated", timeout_seconds=40)


async def _is_created(topics: Topics, configs: Mapping[str, str] | None = None) -> bool:
    async with admin_of(topics) as admin:
        reply = await admin.create_topics([NewTopic(topics.name(TOPIC), 1, 1, topic_configs=configs)])
    return not any(code for _, code, *_ in reply.topic_errors)


@apache_kafka_alone
async def test_a_topic_that_is_made_anew_is_held_until_its_position_is_deleted_and_then_loses_nothing(
    start_pod: StartPod, topics: Topics, listener: Client, redis_server: RedisServer
) -> None:
    pod = await start_pod(roles="intake", REALTIME_KAFKA__METADATA_REFRESH_SECONDS="1")
    for number in range(5):
        await topics.produce(TOPIC, order(number), partition=0)
    await listener.wait_for_event("order:updated", count=5, timeout_seconds=30)
    await topics.delete(TOPIC)

    await eventually(lambda: _is_created(topics), 20, "the topic is made anew")
    await topics.produce(TOPIC, order(5), partition=0)

    async def is_held() -> bool:
        return "made anew or cut" in await kafka_check(pod)

    await eventually(is_held, 60, "the partition is held, and /health says so")
    assert await pod.is_ready()
    for number in range(6, 12):
        await topics.produce(TOPIC, order(number), partition=0)
    async with position_key(topics, redis_server, 0) as (client, key):
        await client.delete(key)
    await listener.wait_for_event("order:updated", count=12, timeout_seconds=30)
    assert heard(listener) == list(range(12))
    assert await kafka_check(pod) == "ok"


async def test_a_consumer_that_kafka_does_not_answer_is_made_anew_and_goes_on(
    own_kafka: Kafka, prefix: str, start_pod: StartPod, connect: Connect, issuer: Issuer
) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    pod = await start_pod(
        **topics.settings,
        REALTIME_KAFKA__UNANSWERED_RESTART_SECONDS="12",
        REALTIME_KAFKA__REQUEST_TIMEOUT_SECONDS="4",
    )
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    await topics.produce(TOPIC, order(0), partition=0)
    await client.wait_for_event("order:updated", timeout_seconds=30)
    own_kafka.pause()

    async def tells() -> bool:
        return "Kafka has not answered for" in await kafka_check(pod)

    await eventually(tells, 30, "/health tells")

    async def is_given_up() -> bool:
        return await total(pod, "realtime_kafka_consumer_restarts_total", reason="no_fetches") == 1

    await eventually(is_given_up, 40, "the consumer is given up")
    assert await pod.is_ready(), "sockets go on"
    own_kafka.resume()
    await topics.produce(TOPIC, order(1), partition=0)
    await client.wait_for_event("order:updated", count=2, timeout_seconds=60)
    assert heard(client) == [0, 1]


@apache_kafka_alone
@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_producers_compress_is_read(
    compression: str, pod: Pod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")

    async with producer_of(topics, compression=compression) as producer:
        batch = producer.create_batch()
        for number in range(20):
            batch.append(key=None, value=order(number), timestamp=None)
        await (await producer.send_batch(batch, topics.name(TOPIC), partition=0))

    await client.wait_for_event("order:updated", count=20)
    assert heard(client) == list(range(20))
