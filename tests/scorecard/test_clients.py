"""The clients come back as stock ones do, and tell their server what they have heard."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.client import CENTRIFUGO, LoadClient, LoadFailed
from bench.programs import Unavailable, c_program
from parts.waiting import eventually
from scorecard.centrifugo import CentrifugoClient
from tool.socketio import SocketIoClient

Hear = Callable[[str], list[str]]


class Server:
    """Answers each frame of any websocket with frames; `heard` are those that came."""

    def __init__(self, greeting: list[str], answer: Hear) -> None:
        self.heard: list[str] = []
        self._greeting, self._answer = greeting, answer
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: list[asyncio.Task[None] | None] = []
        self.port = 0

    def say(self, text: str) -> None:
        self._writers[-1].write(_server_frame(text))

    async def stop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        self._writers.append(writer)
        self._serving.append(asyncio.current_task())
        for text in self._greeting:
            writer.write(_server_frame(text))
        received = bytearray()
        while data := await reader.read(65_536):
            received += data
            while (frame := _client_frame(received)) is not None:
                self.heard.append(frame)
                for text in self._answer(frame):
                    writer.write(_server_frame(text))
        writer.close()


@asynccontextmanager
async def serving(greeting: list[str], answer: Hear) -> AsyncIterator[Server]:
    server = Server(greeting, answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()


def _server_frame(text: str) -> bytes:
    payload = text.encode()
    head = bytes([0x81, len(payload)]) if len(payload) < 126 else b"\x81\x7e" + len(payload).to_bytes(2)
    return head + payload


def _client_frame(received: bytearray) -> str | None:
    """Take a masked frame, whose mask may be any."""
    if len(received) < 2:
        return None
    size, start = received[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(received[2:4]), 4
    if len(received) < start + 4 + size:
        return None
    mask, payload = received[start : start + 4], received[start + 4 : start + 4 + size]
    del received[: start + 4 + size]
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)).decode()


def _order(number: int, *place: str) -> str:
    return "42" + json.dumps(["order:updated", {"orderId": str(number)}, *place])


def _publication(number: int, offset: int) -> str:
    publication = f'{{"data":{{"orderId":"{number}"}},"offset":{offset}}}'
    return f'{{"push":{{"channel":"orders:#user-7","pub":{publication}}}}}'


async def test_a_socketio_client_recovers_by_pid_and_offset() -> None:
    def answer(said: str) -> list[str]:
        if said.startswith("40"):
            return ['40{"sid":"s","pid":"p"}'] + ([_order(2, "b")] if '"offset": "a"' in said else [])
        return ['430[{"ok":true}]'] if said.startswith("420") else []

    async with serving(['0{"sid":"e"}'], answer) as server:
        client = SocketIoClient("user-7", "token", [server.port])
        client.come()
        await eventually(lambda: client.is_listening, 5, "it listens")
        server.say(_order(1, "a"))
        await eventually(lambda: client.numbers == [1], 5, "it hears the first")
        client.cut()
        await eventually(lambda: not client.is_listening, 5, "it is gone")
        client.come()
        await eventually(lambda: client.numbers == [1, 2], 5, "it is told what it missed")
        client.leave()
        await eventually(lambda: not client.is_listening, 5, "it has left")

    assert client.connections == 2
    assert client.recoveries == 1
    assert sum(said.startswith("420") for said in server.heard) == 1, "who is recovered need not subscribe"


async def test_a_centrifugo_client_recovers_each_channel_from_its_position() -> None:
    def answer(said: str) -> list[str]:
        command: dict[str, Any] = json.loads(said) or {}
        if "connect" in command:
            return ['{"id":1,"connect":{"client":"c","subs":{"user:#user-7":{"epoch":"e","offset":4}}}}\n{}']
        if "subscribe" in command:
            missed = [{"data": {"orderId": "2"}, "offset": 9}] if command["subscribe"].get("offset") == 8 else []
            return [json.dumps({"id": 2, "subscribe": {"epoch": "e", "offset": 7, "publications": missed}})]
        return []

    async with serving([], answer) as server:
        client = CentrifugoClient("user-7", "token", [server.port])
        client.come()
        await eventually(lambda: client.is_listening, 5, "it listens")
        server.say(_publication(1, 8))
        await eventually(lambda: client.numbers == [1], 5, "it hears the first")
        client.cut()
        await eventually(lambda: not client.is_listening, 5, "it is gone")
        client.come()
        await eventually(lambda: client.numbers == [1, 2], 5, "it is told what it missed")
        client.leave()
        await eventually(lambda: not client.is_listening, 5, "it has left")

    assert "{}" in server.heard, "it answers pings"
    again = json.loads(server.heard[-2] if server.heard[-1] == "{}" else server.heard[-1])
    assert again["subscribe"] == {"channel": "orders:#user-7", "recover": True, "epoch": "e", "offset": 8}


def _loadable(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    try:
        c_program("client")
    except Unavailable as error:
        return pytest.mark.skip(reason=str(error))(test)
    return test


@_loadable
async def test_the_load_client_speaks_centrifugo(tmp_path: Path) -> None:
    def answer(said: str) -> list[str]:
        command = json.loads(said)
        if "connect" in command:
            return ['{"id":1,"connect":{"client":"c"}}']
        if "subscribe" in command:
            pushes = "\n".join(_publication(number, number) for number in (1, 2, 3))
            return ['{"id":2,"subscribe":{}}', pushes, "{}"]
        return []

    async with serving([], answer) as server, LoadClient(tmp_path) as client:
        await client.group(
            "all", server.port, joins=['{"id":2,"subscribe":{"channel":"orders:#user-%d"}}'], dialect=CENTRIFUGO
        )
        await client.arm("all", '"orderId":"')
        await client.connect("all", 1)
        report = await client.wait("all", 3)
        await eventually(lambda: "{}" in server.heard, 5, "it answers pings")

    assert (report.frames, report.out_of_order) == (3, 0)
    assert any("orders:#user-0" in said for said in server.heard)


@_loadable
async def test_the_load_client_tells_that_centrifugo_refused(tmp_path: Path) -> None:
    def answer(_: str) -> list[str]:
        return ['{"id":1,"error":{"code":109,"message":"token expired"}}']

    async with serving([], answer) as server, LoadClient(tmp_path) as client:
        await client.group("all", server.port, dialect=CENTRIFUGO)
        with pytest.raises(LoadFailed, match="refused"):
            await client.connect("all", 1)
