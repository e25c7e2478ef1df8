"""That the network between two parts can be cut, swallow, and be slow."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from parts.tcp_proxy import TcpProxy

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1_000):
        writer.write(data)
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """One before a server that says what it hears."""
    async with await asyncio.start_server(_echo, "127.0.0.1") as server:
        proxy = TcpProxy(server.sockets[0].getsockname()[1])
        await proxy.start()
        yield proxy
        await proxy.stop()


@pytest.fixture
async def connection(proxy: TcpProxy) -> AsyncIterator[Connection]:
    """Through the proxy, and it has been used."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await _says(reader, writer, b"hello") == b"hello"
    yield reader, writer
    writer.close()


async def _says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_a_cut_resets_what_was_connected_and_refuses_what_comes(proxy: TcpProxy, connection: Connection) -> None:
    await proxy.cut()
    with pytest.raises(ConnectionResetError):
        await connection[0].read()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.heal()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await _says(reader, writer, b"again") == b"again"
    writer.close()


async def test_a_black_hole_keeps_connections_and_swallows_until_it_is_healed(
    proxy: TcpProxy, connection: Connection
) -> None:
    proxy.blackhole()
    saying = asyncio.create_task(_says(*connection, b"anybody?"))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    asking = asyncio.create_task(_says(reader, writer, b"nobody?"))
    done, _ = await asyncio.wait({saying, asking}, timeout=0.2)
    assert not done
    await proxy.heal()
    assert (await saying, await asking) == (b"anybody?", b"nobody?")
    writer.close()


async def test_what_is_delayed_arrives_later_in_either_direction(proxy: TcpProxy, connection: Connection) -> None:
    proxy.delay_seconds = 0.1
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await _says(*connection, b"slowly") == b"slowly"
    assert clock() - began >= 2 * proxy.delay_seconds


async def test_who_leaves_is_seen_to_leave_on_the_other_side(connection: Connection) -> None:
    reader, writer = connection
    writer.write_eof()
    assert await reader.read() == b""  # the server has closed, too
