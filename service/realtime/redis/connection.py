"""How Redis is connected to, and how its errors become ours."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse, RedisError
from redis.typing import EncodableT

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
    pool.connection_class = type("Connection", (QuickPacking, CancellableSending, pool.connection_class), {})
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


class PushedReplies:
    """What Redis says on a connection that is only listened to, many replies at a time.

    redis-py makes a connection, with all that a URL may ask for; but it reads one reply in each call, with several
    coroutines and a timer for it. From here on nobody else may read from the connection.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._stream = _stream_of(connection)
        self._reader = hiredis.Reader(protocolError=InvalidResponse)
        self._has_more = False

    async def read(self, max_bytes: int) -> list[list[bytes]]:
        """Wait for something, and return all replies that it completes, perhaps none.

        Raises `OSError` when the connection has ended, `RedisError` when Redis refuses something or talks nonsense.
        """
        if self._has_more:
            await asyncio.sleep(0)  # a stream with something in it would not let anybody else have a turn
        chunk = await self._stream.read(max_bytes)
        if not chunk:
            raise ConnectionResetError("Redis has closed the connection")
        self._has_more = len(chunk) == max_bytes
        self._reader.feed(chunk)
        replies = []
        while (reply := self._reader.gets()) is not False:
            if not isinstance(reply, list):
                raise InvalidResponse(f"Redis says {reply!r} where it should tell of messages")
            replies.append(reply)
        return replies


def _stream_of(connection: AbstractConnection) -> asyncio.StreamReader:
    # The one private name of redis-py that we rely on; `tests/unit/redis` tells when it is gone.
    stream = connection._reader  # noqa: SLF001 - the one private name; there is no public way to its bytes
    assert isinstance(stream, asyncio.StreamReader)
    return stream


class QuickPacking(AbstractConnection):
    """A connection whose commands hiredis packs, as it does for redis-py's connections without asyncio.

    redis-py's own way costs microseconds an argument, and a batch of 500 records has 5,500 of them.
    """

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        """See `AbstractConnection`."""
        name, *others = args
        # Some of redis-py's names are two words: SCRIPT LOAD.
        words = name.split() if isinstance(name, str | bytes) else [name]
        return [hiredis.pack_command((*words, *others))]


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
