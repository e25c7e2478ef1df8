"""How Redis is connected to, and how its errors become ours."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import hiredis
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import InvalidResponse, RedisError
from redis.typing import EncodableT

from realtime.errors import RedisUnavailable
from realtime.redis.keys import hash_tag
from realtime.redis.primaries import (
    ClusterMap,
    LeavesWhoRefuses,
    Primaries,
    PrimaryConnection,
    PrimaryPool,
    SentinelPrimaries,
    SlotPrimaries,
    TlsPrimaryConnection,
)
from realtime.settings import RedisSettings, Topology

# Commands of one pod that are under way at once; more wait their turn.
MAX_CONNECTIONS = 16
# The same for each shard of a cluster that has many.
MIN_CONNECTIONS_PER_SHARD = 4


def connect_redis(settings: RedisSettings) -> Redis:
    """Make a client; it connects when it is first used. Errors are retried where the caller knows how, not here."""
    return connect_shards(settings)[0]


def connect_shards(settings: RedisSettings) -> tuple[Redis, ...]:
    """Make a client for each shard: the same one for all, but in a cluster, where each has its own primary."""
    address = settings.address
    options: dict[str, Any] = {
        **parse_url(address.plain),
        **_tls(settings),
        "max_connections": MAX_CONNECTIONS,
        "timeout": settings.command_timeout_seconds,
        "socket_timeout": settings.command_timeout_seconds,
        "socket_connect_timeout": settings.connect_timeout_seconds,
        # RESP2 alone tells pub/sub messages and replies in one simple form.
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }
    match address.topology:
        case Topology.SINGLE:
            kind = options.pop("connection_class", Connection)
            pool = BlockingConnectionPool(connection_class=_improved(kind), **options)
            return (Redis.from_pool(pool),) * settings.shards  # the pool is closed with the client
        case Topology.SENTINEL:
            sentinel = Sentinel(())  # type: ignore[no-untyped-call]  # redis-py's has no types
            sentinel.sentinels = list(connect_hosts(settings).values())
            return (_connect_primary(SentinelPrimaries(sentinel, address.service), options),) * settings.shards
        case Topology.CLUSTER:
            options["max_connections"] = max(MAX_CONNECTIONS // settings.shards, MIN_CONNECTIONS_PER_SHARD)
            who = {name: options[name] for name in ("username", "password") if name in options}
            cluster = ClusterMap(address.hosts, lambda host, port: _connect_host(host, port, settings, **who))
            slots = [key_slot(hash_tag(shard).encode()) for shard in range(settings.shards)]
            return tuple(_connect_primary(SlotPrimaries(cluster, slot), options) for slot in slots)


def connect_hosts(settings: RedisSettings) -> dict[str, Redis]:
    """Make a client for each host that the URL names, where these are sentinels: by address, `host:port`."""
    if settings.address.topology is not Topology.SENTINEL:
        return {}
    who: dict[str, Any] = {}
    if settings.sentinel_password is not None:
        who = {"username": settings.sentinel_username, "password": settings.sentinel_password.get_secret_value()}
    return {f"{host}:{port}": _connect_host(host, port, settings, **who) for host, port in settings.address.hosts}


def _connect_host(host: str, port: int, settings: RedisSettings, **who: Any) -> Redis:
    """Make a client for one that is asked where primaries are: quickly, for others are there to ask."""
    pool = ConnectionPool(
        connection_class=_improved(SSLConnection if settings.address.has_tls else Connection),
        host=host,
        port=port,
        socket_timeout=settings.connect_timeout_seconds,
        socket_connect_timeout=settings.connect_timeout_seconds,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        **_tls(settings),
        **who,
    )
    return Redis.from_pool(pool)


def _connect_primary(primaries: Primaries, options: Mapping[str, Any]) -> Redis:
    others = {name: value for name, value in options.items() if name not in {"host", "port", "connection_class"}}
    kind = TlsPrimaryConnection if options.get("connection_class") is SSLConnection else PrimaryConnection
    return Redis.from_pool(PrimaryPool(primaries, connection_class=_improved(kind), **others))


def _tls(settings: RedisSettings) -> dict[str, Any]:
    if not settings.address.has_tls:
        return {}
    files = {
        "ssl_ca_certs": settings.ssl_ca_file,
        "ssl_certfile": settings.ssl_certificate_file,
        "ssl_keyfile": settings.ssl_key_file,
    }
    named = {name: str(path) for name, path in files.items() if path is not None}
    return {**named, "ssl_check_hostname": settings.ssl_check_hostname}


@cache
def _improved(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    return type("Connection", (LeavesWhoRefuses, QuickPacking, CancellableSending, AbortsAtOnce, kind), {})


class CancellableSending(AbstractConnection):
    """A connection that can be cancelled while it sends.

    redis-py sends under `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation (cpython issue 86296):
    a task of a pod that leaves would then go on for ever, and the pod with it.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """See `AbstractConnection`."""
        timeout_seconds, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(timeout_seconds):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise exceptions.TimeoutError(f"nothing could be sent for {timeout_seconds:g} s") from None
        except RuntimeError as error:
            # What uvloop says of a connection that was reset between two commands; redis-py does not expect it.
            raise exceptions.ConnectionError(str(error)) from error
        finally:
            self.socket_timeout = timeout_seconds


class AbortsAtOnce(AbstractConnection):
    """A connection that is gone when it has been disconnected, whatever it had still to send.

    redis-py closes the transport, which first sends what waits in it: to a Redis that hangs, for ever.
    """

    async def disconnect(self, *arguments: Any, **options: Any) -> None:
        """See `AbstractConnection`."""
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(*arguments, **options)


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
