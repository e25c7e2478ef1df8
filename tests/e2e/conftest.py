"""A cluster that the tests of a module share; who kills or freezes a part makes one of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from parts.kafka import Kafka
from parts.pod import Cluster
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(
    kafka: Kafka, redis_server: RedisServer, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """Three pods behind haproxy."""
    topics = Topics(kafka, f"t{uuid4().hex[:8]}")
    await topics.create()
    async with Cluster(tmp_path_factory.mktemp("cluster"), topics, redis_server, issuer, pods=3) as running:
        yield running
    await topics.delete()


@pytest.fixture
def user() -> str:
    """A user of this test's own."""
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture
async def own_cluster(
    kafka: Kafka, redis_server: RedisServer, issuer: Issuer, topics: Topics, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Three pods of this test's own, to kill."""
    async with Cluster(tmp_path, topics, redis_server, issuer, pods=3) as running:
        yield running
