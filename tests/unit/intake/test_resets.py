"""What aiokafka is told of a connection that was reset between two requests."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka.conn
import pytest
import uvloop
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import realtime.intake.connection  # noqa: F401 - who imports it has such connections
from parts.waiting import eventually
from realtime.intake.resets import ResettableConnection


async def send_behind_a_reset(send: Callable[[ResettableConnection], Any]) -> bool:
    """Whether the connection is closed then."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = ResettableConnection("127.0.0.1", port)
        # The transport knows of the reset; who reads from it has not been told yet.
        connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
        connection._read_task = asyncio.create_task(asyncio.Event().wait())
        connection._writer.transport.abort()
        await eventually(lambda: "closed=True" in repr(connection._writer.transport), 5, "the transport is closed")
        with pytest.raises(KafkaConnectionError, match="broken"):
            send(connection)
        return not connection.connected()


@pytest.mark.parametrize(
    "send",
    [
        lambda connection: connection.send(MetadataRequest([])),
        lambda connection: connection._send_sasl_token(b"token"),
    ],
    ids=["request", "login"],
)
def test_a_connection_that_was_reset_a_moment_ago_is_broken_and_closed(
    send: Callable[[ResettableConnection], Any],
) -> None:
    assert uvloop.run(send_behind_a_reset(send))


def test_all_clients_connect_so() -> None:
    assert aiokafka.conn.AIOKafkaConnection is ResettableConnection
