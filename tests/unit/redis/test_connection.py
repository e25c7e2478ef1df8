"""What we rely on in redis-py, and what we do better than it: packing, and reading many replies at a time."""

import asyncio
import inspect
import itertools
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from realtime.errors import RedisUnavailable
from realtime.redis.connection import (
    AbortsAtOnce,
    CancellableSending,
    PushedReplies,
    QuickPacking,
    connect_hosts,
    connect_shards,
    redis_errors,
)
from realtime.redis.primaries import SentinelPrimaries, SlotPrimaries
from realtime.settings import RedisSettings

MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nr\r\n$%d\r\n%b\r\n"


def message(payload: bytes) -> bytes:
    return MESSAGE % (len(payload), payload)


def listen() -> tuple[asyncio.StreamReader, PushedReplies]:
    stream = asyncio.StreamReader()
    connection: Any = SimpleNamespace(_reader=stream)
    return stream, PushedReplies(connection)


# --- what an upgrade of redis-py might change


def test_redis_py_keeps_its_stream_where_we_take_it_from() -> None:
    told = (
        "redis-py no longer keeps a connection's StreamReader in `_reader`: "
        "find where, and say so in `_stream_of`, realtime/redis/connection.py"
    )
    assert hasattr(Connection(), "_reader"), told
    assert "self._reader = reader" in inspect.getsource(Connection._connect), told


def test_redis_py_packs_each_command_by_pack_command() -> None:
    told = "redis-py no longer packs by `pack_command`: see `QuickPacking`, realtime/redis/connection.py"
    for sends in (AbstractConnection.send_command, AbstractConnection.pack_commands):
        assert "self.pack_command(" in inspect.getsource(sends), told


# --- packing

arguments = st.lists(st.binary(max_size=20) | st.text(max_size=20) | st.integers() | st.floats(), max_size=5)


class PackingConnection(QuickPacking, Connection):
    pass


@given(st.sampled_from(["GET", "SCRIPT LOAD", b"GET", b"CLIENT KILL"]), arguments)
def test_a_command_has_the_bytes_that_redis_py_gives_it(name: str | bytes, arguments: list[Any]) -> None:
    ours = b"".join(PackingConnection().pack_command(name, *arguments))
    assert ours == b"".join(Connection().pack_command(name, *arguments))


def clients(settings: RedisSettings) -> Iterator[Redis]:
    """All of a pod's, also those that only ask where the primary is."""
    for shard in connect_shards(settings):
        yield shard
        match getattr(shard.connection_pool, "_primaries", None):
            case SentinelPrimaries() as primaries:
                yield from primaries._sentinel.sentinels
            case SlotPrimaries() as primaries:
                yield primaries._cluster._open_client("a", 1)
    yield from connect_hosts(settings).values()


@pytest.mark.parametrize("way", [QuickPacking, CancellableSending, AbortsAtOnce])
@pytest.mark.parametrize(
    ("url", "count"), [("redis://a", 1), ("redis+cluster://a,b", 2), ("redis+sentinel://a,b/service/0", 5)]
)
@pytest.mark.parametrize("has_tls", [True, False])
def test_the_pods_connections_are_improved_in_each_way(
    url: str, count: int, way: type[AbstractConnection], has_tls: bool
) -> None:
    settings = RedisSettings(url=SecretStr(url.replace("redis", "rediss", 1) if has_tls else url))
    connections = [client.connection_pool.make_connection() for client in clients(settings)]
    assert len(connections) == count
    for connection in connections:
        assert isinstance(connection, way)
        assert isinstance(connection, SSLConnection) is has_tls


# --- reading


async def test_all_replies_of_a_chunk_come_at_once() -> None:
    stream, replies = listen()
    stream.feed_data(message(b"a") + message(b"b\r\n") + message(b""))
    assert await replies.read(1_000) == [[b"message", b"r", payload] for payload in (b"a", b"b\r\n", b"")]


@pytest.mark.parametrize("max_bytes", [1, 2, 7, 36, 37, 38, 1_000])
async def test_however_it_is_cut_a_reply_comes_once_and_whole(max_bytes: int) -> None:
    stream, replies = listen()
    said = [b"%d" % number * 10 for number in range(50)]
    stream.feed_data(b"".join(map(message, said)))
    heard: list[bytes] = []
    while len(heard) < len(said):
        heard += [payload for _, _, payload in await replies.read(max_bytes)]
    assert heard == said


async def test_a_connection_that_ends_says_so() -> None:
    stream, replies = listen()
    stream.feed_data(message(b"a")[:-5])
    stream.feed_eof()
    assert await replies.read(1_000) == []
    with pytest.raises(OSError, match="closed"):
        await replies.read(1_000)


@pytest.mark.parametrize("said", [b"-NOPERM this channel\r\n", b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"?\r\n"])
async def test_what_is_no_message_is_an_error(said: bytes) -> None:
    stream, replies = listen()
    stream.feed_data(said)
    with pytest.raises(InvalidResponse):
        await replies.read(1_000)


async def test_who_reads_a_flood_lets_others_have_their_turn() -> None:
    stream, replies = listen()
    stream.feed_data(message(b"x" * 100) * 100)
    turns = 0

    async def have_a_turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(have_a_turn())
    heard = 0
    while heard < 100:
        heard += len(await replies.read(1_000))
    other.cancel()
    assert turns >= 10


async def test_who_gives_up_waiting_loses_nothing() -> None:
    stream, replies = listen()
    stream.feed_data(message(b"x" * 100) * 10)
    heard: list[list[bytes]] = []
    for turns in itertools.cycle(range(4)):
        if len(heard) == 10:
            break
        reading = asyncio.ensure_future(replies.read(200))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            heard += reading.result()
    assert len(heard) == 10


# --- leaving


class AbortingConnection(AbortsAtOnce, Connection):
    pass


@pytest.mark.parametrize("nowait", [True, False])
async def test_a_connection_to_a_redis_that_hangs_is_gone_once_it_is_left(*, nowait: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody ever reads
        connection = AbortingConnection()
        connection._reader, connection._writer = await asyncio.open_connection(*server.getsockname())
        writer = connection._writer
        assert writer is not None
        writer.write(b"x" * 50_000_000)
        async with asyncio.timeout(5):
            await connection.disconnect(nowait=nowait)
            await writer.wait_closed()


# --- sending


class ResetConnection(AbstractConnection):
    """As uvloop behaves when the other side has reset a connection that was idle."""

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")


class SendingConnection(CancellableSending, ResetConnection):
    def __init__(self) -> None:
        self.socket_timeout = 1.0


async def test_a_connection_that_was_reset_meanwhile_is_an_outage_and_no_bug() -> None:
    with pytest.raises(RedisUnavailable, match="handler is closed"), redis_errors("publish"):
        await SendingConnection().send_packed_command(b"PING")
    # Who asks several sentinels goes on to the next at redis-py's own errors alone.
    with pytest.raises(RedisConnectionError):
        await SendingConnection().send_packed_command(b"PING")


class QuickWriter:
    """What takes all that is written, a turn of the loop later."""

    def writelines(self, _: Any) -> None:
        pass

    async def drain(self) -> None:
        await asyncio.sleep(0)


class QuickConnection(CancellableSending, Connection):
    async def connect(self) -> None:
        pass

    async def disconnect(self, *_: Any, **__: Any) -> None:
        pass


async def test_who_sends_can_be_cancelled_at_any_moment() -> None:
    ends = set()
    for turns in range(8):
        connection = QuickConnection(socket_timeout=5)
        writer: Any = QuickWriter()
        reader: Any = object()
        connection._reader, connection._writer = reader, writer
        sending = asyncio.create_task(connection.send_packed_command([b"PING"], check_health=False))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_done = sending.done()
        sending.cancel()
        await asyncio.wait([sending])
        connection._reader = connection._writer = None
        assert sending.cancelled() is not was_done
        ends.add(was_done)
    assert ends == {True, False}
