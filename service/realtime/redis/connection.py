"""How Redis is connected to, and how its errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
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
    return Redis.from_pool(pool)  # which is closed with the client


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
