"""The requests of a session that is on polling: one GET that brings, one POST that takes."""

import asyncio
from typing import Final, Protocol

from realtime.transports.engineio import packets
from realtime.transports.engineio.inbox import MAX_INBOX

# Packets of one POST that are taken before others have their turn.
PACKETS_PER_TURN: Final = 64


class PollOverlap(Exception):
    """A client has sent a request while another of the same kind is under way, which the protocol forbids."""


class Peer(Protocol):
    """A websocket that probes whether a session may move to it."""

    def abandon(self) -> None:
        """The session has ended."""
        ...


class Session(Protocol):
    """What a session on polling can do; `connection.Connection`."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        ...

    @property
    def is_websocket(self) -> bool:
        """Whether it has moved to a websocket."""
        ...

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the client."""
        ...

    @property
    def unhandled(self) -> int:
        """Messages that have come and are not handled yet."""
        ...

    def receive(self, packet: str) -> None:
        """Take a packet. Raises `ProtocolViolation`."""
        ...

    def take_payload(self) -> list[bytes]:
        """Take the frames that go into one answer."""
        ...

    def overlapped(self) -> None:
        """The client has broken the rule of one request at a time."""
        ...


class Exchange:
    """Exists until the session moves to a websocket."""

    __slots__ = ("_get", "_is_over", "_is_posting", "_probe", "_probes", "_room", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._get: asyncio.Future[None] | None = None
        self._is_over = False  # then nothing waits here any more
        self._is_posting = False
        self._room: asyncio.Future[None] | None = None  # done: there is room for another message
        self._probe: Peer | None = None  # the one that was answered
        self._probes: list[Peer] = []

    @property
    def is_get_open(self) -> bool:
        """Whether the client waits for an answer."""
        return self._get is not None

    @property
    def is_post_open(self) -> bool:
        """Whether the client is telling something, or waits until that is taken."""
        return self._is_posting

    @property
    def is_upgrading(self) -> bool:
        """Whether a websocket has asked to take over."""
        return self._probe is not None

    def open_get(self) -> asyncio.Future[None]:
        """Begin a GET: the future is done when there is something to answer. Raises `PollOverlap`."""
        if self._get is not None:
            self._session.overlapped()
            raise PollOverlap("There is a GET request for this session already.")
        self._get = asyncio.get_running_loop().create_future()
        if self._session.has_waiting or self.is_upgrading or not self._session.is_open:
            self.wake()
        return self._get

    def close_get(self) -> bytes:
        """End the GET; the body that answers it."""
        self._get = None
        taken = [] if self._session.is_websocket else self._session.take_payload()
        return packets.encode_payload(taken) if taken else packets.NOOP_PAYLOAD

    def wake(self) -> None:
        """There is something to answer, or the end."""
        if self._get is not None and not self._get.done():
            self._get.set_result(None)

    def open_post(self) -> None:
        """Begin a POST. Raises `PollOverlap`."""
        if self._is_posting:
            self._session.overlapped()
            raise PollOverlap("There is a POST request for this session already.")
        self._is_posting = True

    async def take(self, body: bytes) -> None:
        """Take the body of the POST; returns when there is room for another. Raises `ProtocolViolation`."""
        for number, packet in enumerate(packets.decode_payload(body), 1):
            self._session.receive(packet)
            if self._session.unhandled >= MAX_INBOX and not self._is_over:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
            elif number % PACKETS_PER_TURN == 0:
                await asyncio.sleep(0)

    def close_post(self) -> None:
        """End the POST."""
        self._is_posting = False

    def make_room(self) -> None:
        """Messages have been handled."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def add_probe(self, probe: Peer) -> None:
        """A websocket has come that may ask."""
        self._probes.append(probe)

    def begin_upgrade(self, probe: Peer) -> bool:
        """A websocket asks whether it may take over; a GET under way is answered, so that nothing is in flight."""
        if self.is_upgrading or not self._session.is_open:
            return False
        self._probe = probe
        self.wake()
        return True

    def remove_probe(self, probe: Peer) -> None:
        """A websocket does not take over after all."""
        self._probes.remove(probe)
        if self._probe is probe:
            self._probe = None

    def hand_over(self) -> None:
        """The session goes on elsewhere: what is under way here ends."""
        self._is_over = True
        self.make_room()
        self.wake()

    def end(self) -> None:
        """The session has ended; a GET under way is told so."""
        for probe in list(self._probes):
            probe.abandon()
        self.hand_over()
