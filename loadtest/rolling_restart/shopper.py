"""One websocket that comes back by itself, as the stock client does; cheap enough for thousands in one process."""

import asyncio
import base64
import json
import os
import random
import time
from typing import Any, Final

from swarm.frames import CLOSE, TEXT, frame_of, take_frame

# socket.io-client's defaults: reconnectionDelay, reconnectionDelayMax, randomizationFactor.
FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 5.0
JITTER: Final = 0.5


class Shopper(asyncio.Protocol):
    """Is connected, or on its way back. `numbers` are those of its orders, in the order in which it heard them."""

    def __init__(self, user: str, token: str, host: str, port: int) -> None:
        self.user = user
        self.numbers: list[int] = []
        self.is_listening = False
        self.connections = 0
        self.recoveries = 0
        self.refusals = 0  # 503s
        self.handshakes: list[tuple[str, float]] = []  # which pod took it in, by the pod's own id, and when (monotonic)
        self._token = token
        self._where = (host, port)
        self._pid: str | None = None
        self._offset: str | None = None
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._is_upgraded = False
        self._attempts = 0
        self._ended = False

    def come(self) -> None:
        """Connect, now."""
        if not self._ended:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def leave(self) -> None:
        """Go, and do not come back."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self) -> None:
        self._received, self._is_upgraded = bytearray(), False
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, *self._where)
        except OSError:
            self._come_later()

    def _come_later(self) -> None:
        if self._ended:
            return
        delay = min(FIRST_DELAY_SECONDS * 2**self._attempts, LONGEST_DELAY_SECONDS)
        self._attempts += 1
        asyncio.get_running_loop().call_later(delay * random.uniform(1 - JITTER, 1 + JITTER), self.come)

    # -- what asyncio says ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for a websocket."""
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self._where[0]}:{self._where[1]}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n"
        )
        transport.write(head.encode())

    def connection_lost(self, _: Exception | None) -> None:
        """Come back."""
        self.is_listening = False
        self._transport = None
        self._come_later()

    def data_received(self, data: bytes) -> None:
        """Take whole frames."""
        received = self._received
        received += data
        if not self._is_upgraded:
            head, end, rest = bytes(received).partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.refusals += b" 503 " in head.partition(b"\r\n")[0]
                assert self._transport is not None
                self._transport.abort()
                return
            self._is_upgraded = True
            received[:] = rest
        while (frame := take_frame(self._received)) is not None:
            _, kind, payload = frame
            if kind == TEXT:
                self._take(payload.decode())
            elif kind == CLOSE and self._transport is not None:
                self._transport.abort()

    # -- what the server says ---------------------------------------------------------------------------------------

    def _take(self, packet: str) -> None:
        if packet == "2":
            self._say("3")
        elif packet.startswith("0"):
            self.handshakes.append((json.loads(packet[1:])["sid"].rpartition(".")[2], time.monotonic()))
            back = {} if self._pid is None else {"pid": self._pid, "offset": self._offset}
            self._say("40" + json.dumps({"token": self._token, "recovery": True} | back))
        elif packet.startswith("40"):
            self._pid = json.loads(packet[2:]).get("pid")
        elif packet.startswith("42"):
            self._hear(*json.loads(packet[2:]))
        elif packet.startswith("43"):
            assert json.loads(packet[packet.index("[") :])[0]["ok"], packet
            self._listens()

    def _hear(self, name: str, about: dict[str, Any], place: str | None = None) -> None:
        self._offset = place or self._offset
        if name == "connection:success":
            if about["recovered"]:
                self.recoveries += 1
                self._listens()
            else:
                self._say('420["subscribe:orders",{}]')
        elif name == "order:updated":
            self.numbers.append(int(about["orderId"]))

    def _listens(self) -> None:
        self.is_listening = True
        self.connections += 1
        self._attempts = 0

    def _say(self, packet: str) -> None:
        text = packet.encode()
        if self._transport is not None:
            self._transport.write(frame_of(TEXT, text))
