"""Sessions in Redis keep the contract, and survive a Redis that forgets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.redis_server import RedisServer
from parts.waiting import eventually
from realtime.errors import RedisUnavailable
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.resumption.base import Refresh, ResumableSession, as_it_is
from realtime.resumption.redis import RedisResumableSessions
from realtime.settings import RecoverySettings, RedisSettings
from realtime.telemetry.metrics import Metrics
from suites.resumption_contract import PID, SESSION_SECONDS, MakeRunning, PassTime, ResumptionContract, session


@asynccontextmanager
async def _running(
    url: str, prefix: str, pod_id: str, session_seconds: int = SESSION_SECONDS, refresh: Refresh = as_it_is
) -> AsyncIterator[RedisResumableSessions]:
    client = connect_redis(RedisSettings(url=SecretStr(url)))
    sessions = RedisResumableSessions(
        client, Keys(prefix), RecoverySettings(session_seconds=session_seconds), pod_id, Metrics()
    )
    task = asyncio.create_task(sessions.run(refresh))
    yield sessions
    task.cancel()
    await asyncio.wait([task])
    await client.aclose()


@pytest.fixture
async def one(redis_server: RedisServer, prefix: str) -> AsyncIterator[RedisResumableSessions]:
    async with _running(redis_server.url, prefix, "a") as sessions:
        yield sessions


@pytest.fixture
async def other(redis_server: RedisServer, prefix: str) -> AsyncIterator[RedisResumableSessions]:
    async with _running(redis_server.url, prefix, "b") as sessions:
        yield sessions


@pytest.fixture
async def make_running(redis_server: RedisServer, prefix: str) -> AsyncIterator[MakeRunning]:
    async with AsyncExitStack() as stack:

        async def make(refresh: Refresh) -> RedisResumableSessions:
            return await stack.enter_async_context(_running(redis_server.url, prefix, "c", refresh=refresh))

        yield make


@pytest.fixture
def pass_time() -> PassTime:
    # Keys expire by Redis' own clock, which only passes.
    return asyncio.sleep


class TestRedisResumableSessions(ResumptionContract):
    async def test_what_redis_forgets_it_is_told_again(
        self, one: RedisResumableSessions, other: RedisResumableSessions, redis_server: RedisServer, prefix: str
    ) -> None:
        await one.keep(PID, session())
        async with Redis.from_url(redis_server.url) as redis:
            keys = [key async for key in redis.scan_iter(f"{prefix}:*")]
            assert keys
            await redis.delete(*keys)

        async def is_found() -> bool:
            return await other.find(PID) == session()

        await eventually(is_found, 10, "the session is kept again")

    async def test_what_another_version_has_kept_is_not_found_and_brings_nobody_down(
        self, one: RedisResumableSessions, redis_server: RedisServer, prefix: str
    ) -> None:
        async with Redis.from_url(redis_server.url) as redis:
            for text in ("", "0 s-1 {", '0 s-1 {"userId": 5}', "nonsense", "\xff"):
                await redis.set(Keys(prefix).sessions + PID, text)
                assert await one.find(PID) is None


async def test_without_redis_it_says_so_and_goes_on_trying(own_redis: RedisServer, prefix: str) -> None:
    await own_redis.kill()
    async with _running(own_redis.url, prefix, "a") as sessions:
        with pytest.raises(RedisUnavailable):
            await sessions.keep(PID, session())
        with pytest.raises(RedisUnavailable):
            await sessions.find(PID)
        await own_redis.start()
        found: list[ResumableSession | None] = []

        async def is_found() -> bool:
            try:
                found.append(await sessions.find(PID))
            except RedisUnavailable:
                return False
            return found[-1] == session()

        await eventually(is_found, 15, "what could not be kept is kept")


async def test_what_redis_has_lost_with_its_last_writes_is_kept_again(redis_server: RedisServer, prefix: str) -> None:
    """As after a failover to a replica that lagged, or with a snapshot: long before the round comes."""
    keys = Keys(prefix)
    async with (
        _running(redis_server.url, prefix, "a", session_seconds=600) as sessions,
        Redis.from_url(redis_server.url) as redis,
    ):
        await sessions.keep("earlier-" + PID, session())
        await redis.delete(keys.sessions + "earlier-" + PID, keys.session_keeper("a"))
        await eventually(lambda: redis.exists(keys.sessions + "earlier-" + PID), 15, "that is kept again")
        told_so_far = await redis.get(keys.session_keeper("a"))
        await sessions.keep(PID, session())
        await redis.delete(keys.sessions + PID)
        await redis.set(keys.session_keeper("a"), told_so_far, keepttl=True)
        await eventually(lambda: redis.exists(keys.sessions + PID), 15, "it is kept again")


async def test_a_session_is_found_after_redis_has_stood_still(own_redis: RedisServer, prefix: str) -> None:
    async with _running(own_redis.url, prefix, "a") as sessions:
        await sessions.keep(PID, session())
        own_redis.pause()
        finding = asyncio.create_task(sessions.find(PID))
        await asyncio.wait([finding], timeout=1)
        own_redis.resume()
        assert await finding == session()
