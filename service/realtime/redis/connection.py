"""How Redis is connected to, and how its errors become ours."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from realtime.errors import RedisUnavailable
from realtime.settings import RedisSettings

# Commands of one pod that are under way at once; more wait their turn.
MAX_CONNECTIONS = 16


def connect_redis(settings: RedisSettings) -> Redis:
    """Make a client; it connects when it is first used. Errors are retried where the caller knows how, not here."""
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=MAX_CONNECTIONS,
        timeout=settings.command_timeout_seconds,
        socket_timeout=settings.command_timeout_seconds,
        socket_connect_timeout=settings.connect_timeout_seconds,
        # RESP2 alone tells pub/sub messages and replies in one simple form.
        protocol=2,
        retry=Retry(NoBackoff(), 0),
    )
    pool.connection_class = type("Connection", (CancellableSending, pool.connection_class), {})
    return Redis.from_pool(pool)  # which is closed with the client


class CancellableSending(AbstractConnection):
    """A connection that can be cancelled while it sends.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation (cpython issue 86296):
    a task of a pod that leaves would then go on for ever, and the pod with it.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """See `AbstractConnection`. Raises `TimeoutError`."""
        timeout_seconds, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(timeout_seconds):
                await super().send_packed_command(command, check_health)
        finally:
            self.socket_timeout = timeout_seconds


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """Turn whatever Redis or its connection raises into `RedisUnavailable`.

    That holds for refusals too (out of memory, read-only replica, a script that fails): a publication that is refused
    now is tried again until an operator has mended Redis, and is never dropped.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise RedisUnavailable(f"cannot {doing}: {error}") from error
