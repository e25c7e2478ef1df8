"""Engine.IO 4 as a client speaks it, over a websocket or by polling: packets in, packets out, and three ways to end."""

import asyncio
import contextlib
import json
import socket
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake

# The stock client's is 20 s; against a frozen pod that would be most of a scenario.
CONNECT_SECONDS: Final = 4.0
MESSAGE_MAX_BYTES: Final = 4 * 1024 * 1024
NARROW_BYTES: Final = 4_096
SEPARATOR: Final = "\x1e"


class LinkLost(ConnectionError):
    """The connection is gone, or never came about; the text says why. `is_orderly`: with all that was on its way."""

    is_orderly = False


class Link(ABC):
    """One Engine.IO connection. `open` comes first; `silence_seconds` is how long a server may say nothing."""

    silence_seconds: float = CONNECT_SECONDS

    async def open(self, url: str) -> None:
        """Connect to `http://host:port`. Raises `LinkLost`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._open(url)
                hello = await self._receive()
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, aiohttp.ClientError, ValueError) as error:
            self.abort()
            raise LinkLost(f"not connected: {_text(error)}") from error
        about = json.loads(hello[1:])
        self.silence_seconds = (about["pingInterval"] + about["pingTimeout"]) / 1_000

    async def receive(self) -> str:
        """Return the next packet that means something; pings are answered here. Raises `LinkLost`."""
        try:
            while True:
                async with asyncio.timeout(self.silence_seconds):
                    packet = await self._receive()
                match packet[:1]:
                    case "2":
                        await self._send("3")
                    case "1":
                        raise LinkLost("closed by the server")
                    case "4":
                        return packet[1:]
        except TimeoutError:
            raise LinkLost(f"nothing was heard for {self.silence_seconds:g} s") from None
        except (OSError, ConnectionClosed, aiohttp.ClientError) as error:
            lost = LinkLost(_text(error))
            lost.is_orderly = isinstance(error, ConnectionClosedOK)
            raise lost from error

    async def send(self, packet: str) -> None:
        """Send a Socket.IO packet. Raises `LinkLost`."""
        try:
            await self._send("4" + packet)
        except (OSError, TimeoutError, ConnectionClosed, aiohttp.ClientError) as error:
            raise LinkLost(_text(error)) from error

    async def leave(self) -> None:
        """Say goodbye; what the server wrote before it heard that can still be received, then comes `LinkLost`."""
        await self.send("1")
        with contextlib.suppress(OSError, ConnectionClosed, aiohttp.ClientError):
            await self._send("1")

    @abstractmethod
    def abort(self) -> None:
        """Be gone, without a word."""

    @abstractmethod
    async def _open(self, url: str) -> None: ...
    @abstractmethod
    async def _receive(self) -> str: ...
    @abstractmethod
    async def _send(self, packet: str) -> None: ...


class WebsocketLink(Link):
    """Over a websocket. As long as nobody receives, little is read from it."""

    def __init__(self) -> None:
        self._connection: ClientConnection | None = None

    def abort(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()

    async def _open(self, url: str) -> None:
        self._connection = await connect(
            url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket",
            sock=await self._socket(url),
            compression=None,
            ping_interval=None,
            max_size=MESSAGE_MAX_BYTES,
            proxy=None,
        )

    async def _socket(self, url: str) -> socket.socket | None:
        return None

    async def _receive(self) -> str:
        assert self._connection is not None
        return await self._connection.recv(decode=True)

    async def _send(self, packet: str) -> None:
        assert self._connection is not None
        await self._connection.send(packet)


class NarrowLink(WebsocketLink):
    """Over a line that holds little: on loopback the kernel alone would keep megabytes for who does not read."""

    async def _socket(self, url: str) -> socket.socket | None:
        narrow = socket.socket()
        narrow.setblocking(False)
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, NARROW_BYTES // 4)
        where = urlsplit(url)
        try:
            await asyncio.get_running_loop().sock_connect(narrow, (where.hostname, where.port))
        except BaseException:
            narrow.close()
            raise
        return narrow


class PollingLink(Link):
    """By polling alone, with the cookie by which a sticky proxy knows it."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._received: deque[str] = deque()
        self._url = ""
        self._closing: asyncio.Task[None] | None = None

    def abort(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._session.close())

    async def _open(self, url: str) -> None:
        self._url = f"{url}/socket.io/?EIO=4&transport=polling"
        await self._poll()
        self._url += f"&sid={json.loads(self._received[0][1:])['sid']}"

    async def _receive(self) -> str:
        while not self._received:
            await self._poll()
        return self._received.popleft()

    async def _poll(self) -> None:
        async with self._session.get(self._url) as response:
            self._received += (await _checked(response)).split(SEPARATOR)

    async def _send(self, packet: str) -> None:
        async with self._session.post(self._url, data=packet, headers={"Content-Type": "text/plain"}) as response:
            await _checked(response)


async def _checked(response: aiohttp.ClientResponse) -> str:
    text = await response.text()
    if response.status != 200:
        raise aiohttp.ClientError(f"{response.status} {text[:120]}")
    return text


def _text(error: Any) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:160]
