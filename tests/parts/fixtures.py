"""The fixtures over the parts. A test that kills or freezes a part takes one of its own; the others share."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

import pytest
import pytest_asyncio

from parts import apache_kafka, js_client, swarm
from parts.apache_kafka import ApacheKafka
from parts.clients import Client
from parts.embedded_kafka import EmbeddedKafka
from parts.kafka import Kafka
from parts.kafka_here import has_apache_kafka
from parts.needs import IN_CI, find
from parts.pod import Cluster, Pod
from parts.python_client import PythonClient
from parts.redis_cluster import RedisCluster
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics


def takes_apache_kafka() -> bool:
    """In CI always: where Java or Maven is missing there, that is an error."""
    return IN_CI or has_apache_kafka()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download what is missing before the first test, whose time limit is no place for that."""
    wanted = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    if session.config.option.collectonly or not wanted:
        return
    # What goes wrong here goes wrong again, and is told, where a test needs it.
    with contextlib.suppress(AssertionError):
        if wanted & {"kafka", "own_kafka"} and has_apache_kafka():
            apache_kafka.distribution()
        if "connect" in wanted and find("npm"):
            js_client.installation()
        if any(item.path.stem in {"test_swarm", "test_load"} for item in session.items):
            swarm.installation()


def _scope_of_kafka(fixture_name: str, config: pytest.Config) -> Literal["session", "module"]:
    # A JVM takes seconds to start; the embedded broker takes none, and is best not asked for too much.
    return "session" if takes_apache_kafka() else "module"


def _kafka(directory: Path) -> ApacheKafka | EmbeddedKafka:
    return ApacheKafka(directory) if takes_apache_kafka() else EmbeddedKafka(directory)


@pytest_asyncio.fixture(scope=_scope_of_kafka, loop_scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """A broker that stays up: Apache Kafka where Java and Maven are, else the embedded one."""
    broker = _kafka(tmp_path_factory.mktemp("kafka"))
    await broker.start()
    yield broker
    await broker.kill()


@pytest.fixture
async def own_kafka(tmp_path: Path) -> AsyncIterator[Kafka]:
    """A broker of this test's own, to stop, kill, pause and start again."""
    broker = _kafka(tmp_path / "kafka")
    await broker.start()
    yield broker
    await broker.kill()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    """A Redis that stays up."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of this test's own, to stop, kill, pause and start again, with its data or without."""
    server = RedisServer(tmp_path / "redis")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def own_sentinel(tmp_path: Path) -> AsyncIterator[RedisSentinel]:
    """A Redis under Sentinel of this test's own, to fail over; it has two replicas."""
    sentinel = RedisSentinel(tmp_path / "sentinel")
    try:
        await sentinel.start()
        yield sentinel
    finally:
        await sentinel.kill()


@pytest.fixture
async def own_redis_cluster(tmp_path: Path) -> AsyncIterator[RedisCluster]:
    """A Redis Cluster of this test's own, to fail over: three primaries, a replica for each."""
    cluster = RedisCluster(tmp_path / "redis-cluster")
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.kill()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisCluster]:
    """A Redis Cluster that stays up: three primaries."""
    cluster = RedisCluster(tmp_path_factory.mktemp("redis-cluster"), replicas_each=0)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.kill()


@pytest.fixture
def prefix() -> str:
    """What this test's topics, groups and Redis keys begin with, so that tests do not disturb each other."""
    return f"t{uuid4().hex[:8]}"


@pytest.fixture
async def topics(kafka: Kafka, prefix: str) -> AsyncIterator[Topics]:
    """All topics that a pod uses, of this test's own."""
    topics = Topics(kafka, prefix)
    await topics.create()
    yield topics
    await topics.delete()


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    """Who signs the tokens that the pods of `make_cluster` believe."""
    return Issuer.hs256()


class MakeCluster(Protocol):
    async def __call__(self, *, pods: int = 3, **options: Any) -> Cluster:
        """Start pods and haproxy over this test's topics and the shared Redis; options as of `Cluster`."""


@pytest.fixture
async def make_cluster(
    tmp_path: Path, topics: Topics, redis_server: RedisServer, issuer: Issuer
) -> AsyncIterator[MakeCluster]:
    """Start clusters that end with the test. With parts of its own a test says `async with Cluster(...)` itself."""
    async with AsyncExitStack() as at_the_end:

        async def make(*, pods: int = 3, **options: Any) -> Cluster:
            directory = tmp_path / f"cluster-{uuid4().hex[:4]}"
            cluster = Cluster(directory, topics, redis_server, issuer, pods=pods, **options)
            return await at_the_end.enter_async_context(cluster)

        yield make


class StartPod(Protocol):
    async def __call__(self, *, roles: str = "intake,sockets", **settings: str) -> Pod:
        """Start a pod over this test's topics and the shared Redis; settings go over these."""


@pytest.fixture
async def start_pod(
    tmp_path: Path, topics: Topics, redis_server: RedisServer, issuer: Issuer
) -> AsyncIterator[StartPod]:
    """Start pods over this test's topics and the shared Redis; settings go over these. They are killed with the test."""
    async with AsyncExitStack() as at_the_end:

        async def start(*, roles: str = "intake,sockets", **settings: str) -> Pod:
            own = {
                **topics.settings,
                **issuer.settings,
                "REALTIME_REDIS__URL": redis_server.url,
                "REALTIME_REDIS__KEY_PREFIX": topics.prefix,
                "REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
                "REALTIME_KAFKA__HEARTBEAT_INTERVAL_SECONDS": "1",
                "REALTIME_DRAIN__SETTLE_SECONDS": "0",
                "REALTIME_DRAIN__RETRY_AFTER_MS": "100",
            }
            name = f"pod-{uuid4().hex[:4]}"
            pod = Pod(name, tmp_path / name, own | settings, roles=roles)
            at_the_end.push_async_callback(pod.kill)
            await pod.start()
            return pod

        yield start


@pytest.fixture
async def pod(start_pod: StartPod) -> Pod:
    """One pod with both roles."""
    return await start_pod()


class Connect(Protocol):
    async def __call__(
        self, url: str, token: str | None = None, *, by: type[Client] = PythonClient, **options: Any
    ) -> Client:
        """Connect a client, `PythonClient` or `JsClient`; options as of `Client`."""


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect clients that leave with the test. Who expects a refusal says `async with PythonClient(...)`."""
    async with AsyncExitStack() as at_the_end:

        async def make(
            url: str, token: str | None = None, *, by: type[Client] = PythonClient, **options: Any
        ) -> Client:
            client = await at_the_end.enter_async_context(by(url, token, **options))
            assert client.sid, str(client)
            return client

        yield make
