"""The directory in Redis keeps the directory's contract, and says so when Redis is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.ports import free_port
from parts.redis_server import RedisServer
from realtime.errors import RedisUnavailable
from realtime.presence.redis import RedisPodDirectory
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings
from realtime.telemetry.metrics import Metrics
from suites.pod_directory_contract import LEASE_SECONDS, PassTime, PodDirectoryContract, report


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect_redis(RedisSettings(url=SecretStr(redis_server.url)))
    yield client
    await client.aclose()


@pytest.fixture
def directory(client: Redis, prefix: str) -> RedisPodDirectory:
    return RedisPodDirectory(client, Keys(prefix), Metrics())


@pytest.fixture
def pass_time() -> PassTime:
    async def pass_time(seconds: float) -> None:
        await asyncio.sleep(seconds + 0.01)  # Redis keeps its own time

    return pass_time


class TestRedisPodDirectory(PodDirectoryContract):
    pass


async def test_of_a_pod_that_has_gone_nothing_stays(client: Redis, directory: RedisPodDirectory, prefix: str) -> None:
    await directory.report(report("left"), 60)
    await directory.leave("left")
    await directory.report(report("silent"), LEASE_SECONDS)
    await asyncio.sleep(LEASE_SECONDS + 0.01)
    await directory.pods()
    assert await client.keys(f"{prefix}*") == []


async def test_directories_of_two_prefixes_do_not_see_each_other(client: Redis, prefix: str) -> None:
    one, other = (
        RedisPodDirectory(client, Keys(prefix), Metrics()),
        RedisPodDirectory(client, Keys(f"{prefix}.2"), Metrics()),
    )
    await one.report(report("a"), 60)
    assert list(await other.pods()) == []


async def test_without_redis_everything_says_so() -> None:
    client = connect_redis(RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}")))
    directory = RedisPodDirectory(client, Keys("realtime"), Metrics())
    for asking in (directory.report(report("a"), 60), directory.leave("a"), directory.pods()):
        with pytest.raises(RedisUnavailable):
            await asking
    await client.aclose()
