"""A websocket that asks whether a polling connection may move to it."""

import asyncio
from typing import Final

from realtime.transports.engineio import frames, packets
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.frames import FrameReader, ProtocolViolation
from realtime.transports.engineio.wheel import Item

# As Node's `upgradeTimeout`.
UPGRADE_SECONDS: Final = 10.0
# Two messages, and some pings.
MAX_FRAMES: Final = 32


class Probe(asyncio.Protocol):
    """Waits for `2probe`, answers `3probe`, and at `5` hands its transport to the connection.

    Whatever else comes, or nothing in time, ends this websocket; the connection stays on polling.
    """

    def __init__(self, connection: Connection, transport: asyncio.Transport, reader: FrameReader) -> None:
        self.wheel_slot: set[Item] | None = None
        self._connection = connection
        self._transport = transport
        self._reader = reader
        self._is_answered = False
        self._is_done = False
        self._frames = 0
        connection.hub.wheel.arm(self, UPGRADE_SECONDS)
        if connection.exchange is not None:
            connection.exchange.add_probe(self)

    def refuse(self) -> None:
        """Close at once: the session has a websocket, or another asks already.

        With a close frame, not by refusing the handshake, for that is what the protocol says.
        """
        self._end(frames.POLICY_VIOLATION, "A session has one websocket.")

    def data_received(self, data: bytes) -> None:
        """asyncio: something has come."""
        self._reader.feed(data)
        self.read()

    def read(self) -> None:
        """Read what has come."""
        try:
            while not self._is_done and (frame := self._reader.next()) is not None:
                self._on_frame(frame)
        except ProtocolViolation as violation:
            self._end(violation.code, str(violation))

    def _on_frame(self, frame: frames.Frame) -> None:
        opcode, payload = frame
        self._frames += 1
        if self._frames > MAX_FRAMES:
            raise ProtocolViolation(frames.POLICY_VIOLATION, "A websocket that takes over says two things.")
        if opcode == frames.CLOSE:
            self._end()
        elif opcode == frames.PING and isinstance(payload, bytes):
            if not self._transport.get_write_buffer_size():  # who does not read gets no more to read
                self._transport.write(frames.encode_frame(frames.PONG, payload))
        elif opcode in {frames.PONG, frames.CONTINUATION}:
            pass
        elif not self._is_answered and payload == packets.PROBE_PING:
            exchange = self._connection.exchange
            if exchange is None or not exchange.begin_upgrade(self):
                self._end(frames.POLICY_VIOLATION, "The session is not on polling, or moves already.")
                return
            self._is_answered = True
            self._transport.write(frames.encode_frame(frames.TEXT, packets.PROBE_PONG.encode()))
        elif self._is_answered and payload == packets.UPGRADE:
            self._is_done = True
            self._connection.hub.wheel.disarm(self)
            self._connection.connect_websocket(self._transport, self._reader)
        else:
            raise ProtocolViolation(frames.PROTOCOL_ERROR, "A websocket that takes over says 2probe, then 5.")

    def abandon(self) -> None:
        """The connection has ended."""
        self._end(frames.GOING_AWAY)

    def on_due(self) -> None:
        """The wheel: it took too long."""
        self._end(frames.POLICY_VIOLATION, "The upgrade took too long.")

    def _end(self, code: int = frames.NORMAL_CLOSURE, text: str = "") -> None:
        if self._is_done:
            return
        self._is_done = True
        self._give_up()
        self._transport.write(frames.encode_close(code, text))
        self._transport.close()

    def _give_up(self) -> None:
        self._connection.hub.wheel.disarm(self)
        if self._connection.exchange is not None:
            self._connection.exchange.remove_probe(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """asyncio: the websocket is gone."""
        if not self._is_done:
            self._is_done = True
            self._give_up()
