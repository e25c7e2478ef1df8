"""One Socket.IO session on a link, which goes on where it broke off: docs/clients.md."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from swarm.links import CONNECT_SECONDS, Link, LinkLost

# What the server promises in its handshake, until it has said so.
SILENCE_SECONDS: Final = 45.0
ACK_SECONDS: Final = 15.0

Hear = Callable[[str, dict[str, Any]], None]
Count = Callable[[int], None]


class Refused(Exception):
    """The server said no, in its own words; `is_final`: asking again will not help."""

    def __init__(self, code: str, message: str, *, is_final: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.is_final = is_final


class Client:
    """Connects, asks, hears, and comes back; all that it hears goes to `hear`, in the order in which it came.

    `count` is told 1 when it has a session, and -1 when it has one no more.
    """

    def __init__(
        self, make_link: Callable[[], Link], token: str, hear: Hear, count: Count = lambda _change: None
    ) -> None:
        self._make_link = make_link
        self._token = token
        self._hear = hear
        self._count = count
        self._link: Link | None = None
        self._silence_seconds = SILENCE_SECONDS
        self._acks: dict[int, Any] = {}
        self._numbers: Iterator[int] = itertools.count()
        self._welcome: dict[str, Any] | None = None
        self._is_counted = False
        # What it keeps between connections.
        self._pid: str | None = None
        self._offset: str | None = None

    @property
    def has_been_here(self) -> bool:
        """Whether it has something to go on from."""
        return self._pid is not None

    def connect(self) -> dict[str, Any]:
        """Connect, and return what `connection:success` said. Raises `LinkLost` and `Refused`."""
        self.drop()
        self._link, self._welcome = self._make_link(), None
        self._link.open()
        deadline = time.monotonic() + CONNECT_SECONDS
        while self._welcome is None:
            self._take(self._answer(deadline, "CONNECT"))
        self._count(1)
        self._is_counted = True
        return self._welcome

    def ask(self, command: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a command, and return its ack. Raises `LinkLost`, and `Refused` where it says no."""
        number = next(self._numbers)
        self._send(f"42{number}{json.dumps([command, data or {}])}")
        deadline = time.monotonic() + ACK_SECONDS
        while number not in self._acks:
            self._take(self._answer(deadline, command))
        answer: dict[str, Any] = self._acks.pop(number)
        if not answer["ok"]:
            raise _refusal(answer["error"])
        return answer

    def listen(self, until: float) -> None:
        """Hear what comes until that time of the monotonic clock; on polling, until the packet behind it.

        Raises `LinkLost`.
        """
        heard_at = time.monotonic()
        while (now := time.monotonic()) < until:
            wait = min(until, heard_at + self._silence_seconds) - now
            try:
                packet = self._receive(now + wait)
            except TimeoutError:
                if time.monotonic() >= heard_at + self._silence_seconds:
                    self.drop()
                    raise LinkLost("the server fell silent") from None
                continue
            heard_at = time.monotonic()
            self._take(packet)

    def drop(self) -> None:
        """Break the connection without a word; what it knows is kept."""
        if self._is_counted:
            self._count(-1)
            self._is_counted = False
        if self._link is not None:
            self._link.close()
            self._link = None

    def leave(self) -> None:
        """Say goodbye."""
        try:
            if self._link is not None:
                self._send("41")
        except LinkLost:
            pass
        self.drop()

    def _answer(self, deadline: float, to: str) -> str:
        try:
            return self._receive(deadline)
        except TimeoutError:
            self.drop()
            raise LinkLost(f"no answer to {to}") from None

    def _receive(self, deadline: float) -> str:
        if self._link is None:
            raise LinkLost("not connected")
        return self._link.receive(max(deadline - time.monotonic(), 0.001))

    def _send(self, packet: str) -> None:
        if self._link is None:
            raise LinkLost("not connected")
        self._link.send(packet)

    def _take(self, packet: str) -> None:
        if packet == "2":
            self._send("3")
        elif packet.startswith("0"):
            said = json.loads(packet[1:])
            self._silence_seconds = (said["pingInterval"] + said["pingTimeout"]) / 1_000
            back = {} if self._pid is None else {"pid": self._pid, "offset": self._offset}
            self._send("40" + json.dumps({"token": self._token, "recovery": True} | back))
        elif packet.startswith("40"):
            self._pid = json.loads(packet[2:]).get("pid")
        elif packet.startswith("44"):
            said = json.loads(packet[2:])
            raise _refusal(
                said.get("data") or {"code": "refused", "message": said.get("message", ""), "retryable": False}
            )
        elif packet.startswith("42"):
            name, data, *place = json.loads(packet[2:])
            if place:
                self._offset = place[0]
            if name == "connection:success":
                self._welcome = data
            else:
                self._hear(name, data)
        elif packet.startswith("43"):
            start = packet.index("[")
            self._acks[int(packet[2:start])] = json.loads(packet[start:])[0]
        elif packet.startswith("41"):
            raise LinkLost("the server ended the session")


def _refusal(error: dict[str, Any]) -> Refused:
    return Refused(error["code"], error["message"], is_final=not error.get("retryable", False))
