"""The demo's cluster: started in order, each part asked as its clients would ask, and ended in reverse order."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from realtime.demo import embedded
from realtime.demo.children import Children
from realtime.demo.environment import DemoEnvironment, pod_variables
from realtime.demo.errors import DemoFailed
from realtime.demo.pods import DemoPod, DemoPods
from realtime.demo.ports import free_port
from realtime.demo.shop import Shop
from realtime.demo.topics import CLIENT_ID, PARTITIONS, begin_at_the_end, create_missing_topics
from realtime.intake.connection import make_producer
from realtime.redis.connection import connect_redis
from realtime.settings import RedisSettings, Settings

POD_NAMES: Final = ("pod-1", "pod-2")
PART_TIMEOUT_SECONDS: Final = 20.0
POD_TIMEOUT_SECONDS: Final = 30.0
STOP_PRODUCER_SECONDS: Final = 2.0
UNLINK_BATCH_KEYS: Final = 500

Say = Callable[[str, str], None]
"""Tells a person how far the start is: which part, and what there is to say."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What runs. `parts` says in words what Kafka and Redis are here."""

    pods: DemoPods
    shop: Shop
    parts: dict[str, str]
    vital: Children
    """Embedded Kafka and Redis: without these nothing goes on."""
    spare: Children
    """The pods: one is enough."""


@asynccontextmanager
async def running_cluster(
    environment: DemoEnvironment, settings: Settings, directory: Path, say: Say
) -> AsyncIterator[Cluster]:
    """Start everything, and end it with the block. Raises `DemoFailed` when a part does not come up."""
    async with AsyncExitStack() as at_the_end:
        vital = await at_the_end.enter_async_context(Children(directory))
        parts = {
            "kafka": await _start_kafka(environment, settings, vital),
            "redis": await _start_redis(environment, settings, vital),
        }
        for name, words in parts.items():
            say(name.capitalize(), words)
        if environment.redis_port is None and environment.owns_keys:
            at_the_end.push_async_callback(_forget_keys, settings.redis)
        say("topics", await _prepare_topics(environment, settings))

        producer = make_producer(settings.kafka, CLIENT_ID)
        at_the_end.push_async_callback(_within, STOP_PRODUCER_SECONDS, producer.stop)
        await producer.start()

        spare = await at_the_end.enter_async_context(Children(directory))
        http = await at_the_end.enter_async_context(aiohttp.ClientSession())
        pods = await _start_pods(environment, spare, http)
        say("pods", " and ".join(f"{pod.name} (pid {pod.child.pid})" for pod in pods))
        yield Cluster(pods, Shop(producer, settings.kafka), parts, vital, spare)


async def _start_kafka(environment: DemoEnvironment, settings: Settings, children: Children) -> str:
    if environment.kafka_port is None:
        servers = settings.kafka.bootstrap_servers
        if not await embedded.kafka_answers(settings.kafka):
            raise DemoFailed(f"Kafka cannot be reached at {servers} (REALTIME_KAFKA__BOOTSTRAP_SERVERS).")
        return f"your own, at {servers}"
    child = children.spawn("kafka", embedded.kafka_command(environment.kafka_port))
    await children.until_ready(child, lambda: embedded.kafka_answers(settings.kafka), PART_TIMEOUT_SECONDS)
    return embedded.kafka_name()


async def _start_redis(environment: DemoEnvironment, settings: Settings, children: Children) -> str:
    if environment.redis_port is None:
        if not await embedded.redis_answers(settings.redis):
            raise DemoFailed("Redis cannot be reached at the URL in REALTIME_REDIS__URL.")
        return "your own (REALTIME_REDIS__URL)"
    child = children.spawn("redis", embedded.redis_command(environment.redis_port))
    await children.until_ready(child, lambda: embedded.redis_answers(settings.redis), PART_TIMEOUT_SECONDS)
    return embedded.redis_name()


async def _prepare_topics(environment: DemoEnvironment, settings: Settings) -> str:
    try:
        created = await create_missing_topics(settings.kafka)
        if environment.kafka_port is None and environment.owns_group:
            await begin_at_the_end(settings.kafka)
    except KafkaError as error:
        raise DemoFailed(f"The topics cannot be prepared: {error!r}") from error
    if not created:
        return "all there already; this run begins at their ends"
    return f"created {len(created)}, of {PARTITIONS} partitions each"


async def _start_pods(environment: DemoEnvironment, children: Children, http: aiohttp.ClientSession) -> DemoPods:
    command = [sys.executable, "-m", "realtime", "serve"]
    pods = []
    for name in POD_NAMES:
        port = free_port()
        child = children.spawn(name, command, pod_variables(environment.variables, name, port))
        pods.append(DemoPod(name, port, child))
    all_pods = DemoPods(pods, http)
    for pod in pods:
        await children.until_ready(pod.child, _looker(all_pods, pod), POD_TIMEOUT_SECONDS)
    return all_pods


def _looker(pods: DemoPods, pod: DemoPod) -> Callable[[], Awaitable[bool]]:
    return lambda: pods.look(pod)


async def _within(seconds: float, stop: Callable[[], Awaitable[None]]) -> None:
    """Stop something that may wait for a Kafka that has gone."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(seconds):
            await stop()


async def _forget_keys(settings: RedisSettings) -> None:
    """Remove from the user's Redis what this run has put there; nobody else uses its prefix."""
    redis = connect_redis(settings)
    try:
        batch = []
        async for key in redis.scan_iter(match=f"{settings.key_prefix}:*", count=UNLINK_BATCH_KEYS):
            batch.append(key)
            if len(batch) == UNLINK_BATCH_KEYS:
                await redis.unlink(*batch)
                batch.clear()
        if batch:
            await redis.unlink(*batch)
    except (RedisError, OSError):
        pass  # it has gone before us
    finally:
        await redis.aclose(close_connection_pool=True)
