"""Pods over a real Redis; quick hearts, so that silence is noticed in a fraction of a second."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import AsyncExitStack
from typing import Any, Protocol
from uuid import uuid4

import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.redis_server import RedisServer
from realtime.broker.redis import RedisBroker
from realtime.broker.sharded import ShardedBroker, compose, make_redis_brokers
from realtime.redis.connection import connect_shards
from realtime.redis.keys import Keys
from realtime.settings import HistorySettings, RedisSettings
from realtime.telemetry.metrics import Metrics
from suites.listening import ListeningPod, MakeBroker

HEARTBEAT_SECONDS = 0.1
UNSUBSCRIBE_DELAY_SECONDS = 0.02


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the test has logged so far."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def new_redis_broker(
    url: str,
    prefix: str,
    pod_id: str,
    *,
    history: dict[str, Any] | None = None,
    metrics: Metrics | None = None,
    **redis: Any,
) -> RedisBroker | ShardedBroker:
    settings = RedisSettings(
        **{
            "url": SecretStr(url),
            "key_prefix": prefix,
            "heartbeat_interval_seconds": HEARTBEAT_SECONDS,
            "unsubscribe_delay_seconds": UNSUBSCRIBE_DELAY_SECONDS,
            **redis,
        }
    )
    histories = HistorySettings(**(history or {}))
    return compose(make_redis_brokers(connect_shards(settings), settings, histories, pod_id, metrics or Metrics()))


class HasUrl(Protocol):
    url: str


class RedisPods:
    """Makes pods over one Redis, of whatever kind, that end with the test."""

    def __init__(self, server: HasUrl, prefix: str, at_the_end: AsyncExitStack, **settings: Any) -> None:
        """`settings` are those of all its pods."""
        self.server = server
        self.settings = settings
        self.prefix = prefix
        self.keys = Keys(prefix)
        self._at_the_end = at_the_end

    async def __call__(self, pod_id: str | None = None, **settings: Any) -> ListeningPod:
        pod_id = pod_id or uuid4().hex[:8]
        pod = ListeningPod(pod_id, new_redis_broker(self.server.url, self.prefix, pod_id, **self.settings | settings))
        return await self._at_the_end.enter_async_context(pod)

    def publisher(self, **settings: Any) -> RedisBroker:
        """Make a broker that does not listen."""
        broker = new_redis_broker(self.server.url, self.prefix, uuid4().hex[:8], **self.settings | settings)
        self._at_the_end.push_async_callback(broker.close)
        return broker


@pytest.fixture
async def make_broker(redis_server: RedisServer, prefix: str) -> AsyncIterator[MakeBroker]:
    async with AsyncExitStack() as at_the_end:
        yield RedisPods(redis_server, prefix, at_the_end)


@pytest.fixture
async def own_pods(own_redis: RedisServer, prefix: str) -> AsyncIterator[RedisPods]:
    """Pods over a Redis of the test's own, to kill and to freeze."""
    async with AsyncExitStack() as at_the_end:
        yield RedisPods(own_redis, prefix, at_the_end)


@pytest.fixture
async def pods(make_broker: RedisPods) -> RedisPods:
    return make_broker


@pytest.fixture
async def idle_broker(redis_server: RedisServer, prefix: str) -> AsyncIterator[RedisBroker]:
    broker = new_redis_broker(redis_server.url, prefix, "idle")
    yield broker
    await broker.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """The operator's own connection."""
    async with Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
async def own_operator(own_redis: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_redis.url) as client:
        yield client
