"""Engine.IO sessions over raw connections, by polling and by websocket, and a word of Socket.IO to make them answer."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from conformance.raw import Response, Wire, request, text

PATH = "/socket.io/"
# Engine.IO v4, "HTTP long-polling": what stands between two packets of a payload.
SEPARATOR = "\x1e"
ECHO = '42["message","hello"]'
ECHOED = '42["message-back","hello"]'


def target(transport: str | None, sid: str | None = None, *, version: str | None = "4", **query: str) -> str:
    """Build a request's target; None leaves a parameter out."""
    parameters = {"EIO": version, "transport": transport, "sid": sid, **query}
    return f"{PATH}?" + "&".join(f"{name}={quote(value)}" for name, value in parameters.items() if value is not None)


@dataclass
class Polling:
    """One session by polling. Each request has a connection of its own unless a test says otherwise."""

    port: int
    sid: str
    handshake: Mapping[str, Any]
    tls: ssl.SSLContext | None = None

    @property
    def target(self) -> str:
        return target("polling", self.sid)

    async def get(self) -> Response:
        """Poll once."""
        async with Wire(self.port, self.tls) as wire:
            return await wire.ask("GET", self.target)

    @asynccontextmanager
    async def pending_get(self) -> AsyncIterator[Wire]:
        """Begin to poll; `await wire.response()` is the poll's end."""
        async with Wire(self.port, self.tls) as wire:
            await wire.send(request("GET", self.target))
            yield wire

    async def post(self, payload: str | bytes, headers: Mapping[str, str] | None = None) -> Response:
        """Send a payload."""
        async with Wire(self.port, self.tls) as wire:
            return await wire.ask(
                "POST", self.target, {"Content-Type": "text/plain;charset=UTF-8"} | dict(headers or {}), payload
            )

    async def say(self, *packets: str) -> None:
        """Send packets in one payload, which the server takes."""
        response = await self.post(SEPARATOR.join(packets))
        assert (response.status, response.text.lower()) == (200, "ok")

    async def poll(self) -> list[str]:
        """Poll once, and return the packets."""
        return packets_of(await self.get())

    async def poll_for(self, count: int) -> list[str]:
        """Poll until so many packets have come, pings left out."""
        packets: list[str] = []
        while len(packets) < count:
            packets += [packet for packet in await self.poll() if packet != "2"]
        assert len(packets) == count, packets
        return packets

    async def connect(self) -> None:
        """Connect to the default namespace, and hear the server's greeting."""
        await self.say("40")
        connected, greeting = await self.poll_for(2)
        assert connected.startswith('40{"sid":"')
        assert greeting == '42["auth",{}]'

    async def answers(self) -> bool:
        """Whether an event is echoed."""
        await self.say(ECHO)
        return await self.poll_for(1) == [ECHOED]


def packets_of(response: Response) -> list[str]:
    """Split a poll's response; it has been answered as it must be."""
    assert response.status == 200, response
    assert response.headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"
    return response.text.split(SEPARATOR)


async def open_polling(port: int, tls: ssl.SSLContext | None = None, *, connected: bool = False) -> Polling:
    """Open a session by polling."""
    async with Wire(port, tls) as wire:
        (packet,) = packets_of(await wire.ask("GET", target("polling")))
    assert packet.startswith("0")
    handshake = json.loads(packet[1:])
    session = Polling(port, handshake["sid"], handshake, tls)
    if connected:
        await session.connect()
    return session


@asynccontextmanager
async def open_websocket(
    port: int, tls: ssl.SSLContext | None = None, *, connected: bool = True, **options: Any
) -> AsyncIterator[Wire]:
    """Open a session by websocket alone, in the default namespace unless told not to; options as of `Wire`."""
    async with Wire(port, tls, **options) as wire:
        assert (await wire.upgrade(target("websocket"))).status == 101
        assert str(await wire.message()).startswith('0{"')
        if connected:
            await connect(wire)
        yield wire


async def connect(wire: Wire) -> None:
    """Connect a websocket to the default namespace, and hear the server's greeting."""
    await wire.send(text("40"))
    assert str(await wire.message()).startswith('40{"sid":"')
    assert await wire.message() == '42["auth",{}]'


async def answers(wire: Wire) -> bool:
    """Whether an event is echoed as the next message."""
    await wire.send(text(ECHO))
    return await wire.message() == ECHOED


def event(name: str, *arguments: object, ack: int | None = None) -> str:
    """Write an event's packet."""
    return f"42{'' if ack is None else ack}" + json.dumps([name, *arguments], ensure_ascii=False, separators=(",", ":"))


def echo_of_bytes(length: int) -> str:
    """Write an event to be echoed whose packet has that many bytes."""
    empty = len(event("message", ""))
    return event("message", "x" * (length - empty))
