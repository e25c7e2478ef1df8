"""One websocket of one user that comes back by itself, as the stock client of its server does."""

import asyncio
import base64
import json
import os
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from swarm.frames import CLOSE, PING, PONG, TEXT, frame_of, take_frame

OWN_EVENT: Final = "order:updated"


class Client(ABC, asyncio.Protocol):
    """Is connected, or on its way back. `heard` are the numbers of its orders, in the order in which they came.

    Each try is at another pod than the last, as behind a balancer that knows nothing of their health.
    """

    path: ClassVar[str]

    def __init__(self, number: int, token: str, ports: Sequence[int]) -> None:
        self.user = f"user-{number}"
        self.heard: list[int] = []
        self.is_listening = False
        self.connections = 0
        self._token = token
        self._ports = ports
        self._tries = number  # half of them begin at each of two pods
        self._failures = 0
        self._is_kept_away = False
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._is_upgraded = False
        self._connecting: asyncio.Task[None] | None = None

    def come(self) -> None:
        """Connect, now."""
        self._is_kept_away = False
        self._try_again()

    def cut(self) -> None:
        """Lose the connection, and have no network until `come`."""
        self._is_kept_away = True
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Go, and do not come back."""
        self._ended = True
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
        self.is_listening = True
        self.connections += 1
        self._failures = 0

    def _try_again(self) -> None:
        if not (self._ended or self._is_kept_away or self._transport):
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        self._received, self._is_upgraded = bytearray(), False
        self._tries += 1
        port = self._ports[self._tries % len(self._ports)]
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        except OSError:
            self._come_later()

    def _come_later(self) -> None:
        if not (self._ended or self._is_kept_away):
            delay = self.delay_seconds(self._failures)
            self._failures += 1
            asyncio.get_running_loop().call_later(delay, self._try_again)

    # -- what asyncio says ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for a websocket."""
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
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
            if b" 101 " not in head.partition(b"\r\n")[0]:
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

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class SocketIoClient(Client):
    """socket.io-client 4 on websockets: its connection state recovery, and its delays (1 to 5 s, doubled, jittered).

    An application that was not recovered subscribes anew.
    """

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, number: int, token: str, ports: Sequence[int]) -> None:
        super().__init__(number, token, ports)
        self._pid: str | None = None
        self._offset: str | None = None

    def delay_seconds(self, failures: int) -> float:
        """reconnectionDelay, reconnectionDelayMax and randomizationFactor, as they are by default."""
        return min(float(2**failures), 5.0) * random.uniform(0.5, 1.5)

    def opened(self) -> None:
        """The server speaks first."""

    def take(self, text: str) -> None:
        """Take an Engine.IO packet."""
        if text == "2":
            self.say("3")
        elif text.startswith("0"):
            back = {} if self._pid is None else {"pid": self._pid, "offset": self._offset}
            # Servers other than ours do not know `recovery`, and do as they do.
            self.say("40" + json.dumps({"token": self._token, "recovery": True} | back))
        elif text.startswith("40"):
            pid = json.loads(text[2:]).get("pid")
            is_recovered = pid is not None and pid == self._pid
            self._pid = pid
            if is_recovered:
                self.listens()
            else:
                self.say('420["subscribe:orders",{}]')
        elif text.startswith("42"):
            self._hear(*json.loads(text[2:]))
        elif text.startswith("430"):
            self.listens()
        elif text.startswith(("41", "44")):
            self._abort()

    def _hear(self, event: str, *arguments: Any) -> None:
        if self._pid is not None and arguments and isinstance(arguments[-1], str):
            self._offset = arguments[-1]
        if event == OWN_EVENT:
            self.heard.append(int(arguments[0]["orderId"]))


class CentrifugoClient(Client):
    """centrifuge-js 5 on a websocket: it recovers each channel from its own position; 0.5 to 20 s, full jitter."""

    path = "/connection/websocket"

    def __init__(self, number: int, token: str, ports: Sequence[int]) -> None:
        super().__init__(number, token, ports)
        self._own, self._orders = f"user:#{self.user}", f"orders:#{self.user}"
        self._positions: dict[str, dict[str, Any]] = {}

    def delay_seconds(self, failures: int) -> float:
        """MinReconnectDelay and maxReconnectDelay, as they are by default."""
        return min(0.5 + random.uniform(0, 0.5 * 2 ** min(failures, 31)), 20.0)

    def opened(self) -> None:
        """Connect with what is known of the personal channel, and subscribe to the other."""
        subs = {self._own: self._position(self._own)} if self._own in self._positions else {}
        self.say(json.dumps({"id": 1, "connect": {"token": self._token, "subs": subs}}))

    def take(self, text: str) -> None:
        """Take replies and pushes, a line each."""
        for line in text.splitlines():
            said = json.loads(line)
            if not said:
                self.say("{}")  # a ping
            elif "error" in said:
                self._abort()
            elif "connect" in said:
                for channel, subscribed in said["connect"].get("subs", {}).items():
                    self._subscribed(channel, subscribed)
                subscribe = {"channel": self._orders} | self._position(self._orders)
                self.say(json.dumps({"id": 2, "subscribe": subscribe}))
            elif "subscribe" in said:
                self._subscribed(self._orders, said["subscribe"])
                self.listens()
            elif "pub" in said.get("push", {}):
                self._hear(said["push"]["channel"], said["push"]["pub"])
            elif "disconnect" in said.get("push", {}):
                self._abort()

    def _position(self, channel: str) -> dict[str, Any]:
        return {"recover": True, **self._positions[channel]} if channel in self._positions else {}

    def _subscribed(self, channel: str, said: dict[str, Any]) -> None:
        for publication in said.get("publications", ()):
            self._hear(channel, publication)
        self._positions[channel] = {"epoch": said.get("epoch", ""), "offset": said.get("offset", 0)}

    def _hear(self, channel: str, publication: dict[str, Any]) -> None:
        if channel in self._positions:
            self._positions[channel]["offset"] = publication.get("offset", 0)
        if channel == self._orders:
            self.heard.append(int(publication["data"]["orderId"]))
