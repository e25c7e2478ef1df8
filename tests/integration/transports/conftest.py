"""Two or three pods with python-socketio's API, over a real Redis."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import structlog
from redis.asyncio import Redis

from integration.transports.api_pods import ApiCluster, OurPod, StockPod, api_pods
from parts.redis_server import RedisServer

KINDS = {"ours": OurPod, "stock": StockPod}


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the test has logged so far."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def our_pods(redis_server: RedisServer) -> AsyncIterator[list[OurPod]]:
    async with api_pods(OurPod, redis_server.url, f"t{uuid4().hex[:8]}", 3) as pods:
        yield pods


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def either_pods(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[list[Any]]:
    async with api_pods(KINDS[request.param], redis_server.url, f"t{uuid4().hex[:8]}", 3) as pods:
        yield pods


@pytest_asyncio.fixture(loop_scope="module")
async def either(either_pods: list[Any]) -> AsyncIterator[ApiCluster]:
    """Three pods: over our manager, and, in another run of the test, over python-socketio's own."""
    async with ApiCluster(either_pods) as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="module")
async def ours(our_pods: list[OurPod]) -> AsyncIterator[ApiCluster]:
    """Three pods over our manager."""
    async with ApiCluster(our_pods) as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="module")
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """The operator's own connection."""
    async with Redis.from_url(redis_server.url) as client:
        yield client
