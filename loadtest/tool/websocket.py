"""One websocket that comes back by itself; cheap enough for thousands in one process, and with no network at will."""

import asyncio
import base64
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, cast

from swarm.frames import CLOSE, PING, PONG, TEXT, frame_of, take_frame


class Websocket(ABC, asyncio.Protocol):
    """Is connected, or on its way back. `is_listening`: whether everything from now on is heard.

    Each try is at another port of this machine than the last, as behind a balancer that knows nothing of their health;
    the first is that of number `first`. `connections` count those that listened, `refusals` answers 503.
    """

    path: ClassVar[str]

    def __init__(self, ports: Sequence[int], first: int = 0) -> None:
        self.is_listening = False
        self.connections = 0
        self.refusals = 0
        self._ports = ports
        self._tries = first
        self._failures = 0
        self._is_kept_away = False
        self._has_left = False
        self._is_upgraded = False
        self._has_listened = False  # on this connection
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None

    def come(self) -> None:
        """Connect, now."""
        self._is_kept_away = False
        self._try_again()

    def cut(self) -> None:
        """Lose the connection, and have no network until `come`."""
        self._is_kept_away = True
        self._abort()

    def leave(self) -> None:
        """Go, and do not come back."""
        self._has_left = True
        self.cut()

    @abstractmethod
    def delay_seconds(self, failures: int) -> float:
        """How long the stock client waits before the next try, after so many that failed."""

    @abstractmethod
    def opened(self) -> None:
        """The websocket stands."""

    @abstractmethod
    def take(self, text: str) -> None:
        """A frame came."""

    def say(self, text: str) -> None:
        """Send a frame, or nothing when the connection is gone."""
        if self._transport is not None:
            self._transport.write(frame_of(TEXT, text.encode()))

    def listens(self) -> None:
        """Everything from now on is heard."""
        self.connections += not self._has_listened
        self.is_listening = self._has_listened = True
        self._failures = 0

    def _try_again(self) -> None:
        is_connecting = self._connecting is not None and not self._connecting.done()
        if not (self._has_left or self._is_kept_away or self._transport or is_connecting):
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        self._received, self._is_upgraded, self._has_listened = bytearray(), False, False
        port = self._ports[self._tries % len(self._ports)]
        self._tries += 1
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        except OSError:
            self._come_later()

    def _come_later(self) -> None:
        if not (self._has_left or self._is_kept_away):
            delay = self.delay_seconds(self._failures)
            self._failures += 1
            asyncio.get_running_loop().call_later(delay, self._try_again)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio says ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        connected = cast("asyncio.Transport", transport)  # of TCP, so it writes
        self._transport = connected
        if self._is_kept_away:
            connected.abort()  # it was to lose the connection while there was none yet
            return
        key = base64.b64encode(os.urandom(16)).decode()
        connected.write(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def connection_lost(self, _: Exception | None) -> None:
        """Come back."""
        self.is_listening = False
        self._transport = None
        self._come_later()

    def data_received(self, data: bytes) -> None:
        """Take whole frames."""
        self._received += data
        if not self._is_upgraded:
            head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not end:
                return
            status = head.partition(b"\r\n")[0]
            if b" 101 " not in status:
                self.refusals += b" 503 " in status
                self._abort()
                return
            self._is_upgraded = True
            self._received[:] = rest
            self.opened()
        while (frame := take_frame(self._received)) is not None:
            _, kind, payload = frame
            if kind == TEXT:
                self.take(payload.decode())
            elif kind == PING and self._transport is not None:
                self._transport.write(frame_of(PONG, payload))
            elif kind == CLOSE:
                self._abort()
