"""One client's connection: asyncio's protocol and Engine.IO's session in one small object.

A connection has no task, queue or timer of its own while nothing is the matter: a shared outbox writes, deadlines turn
on a shared wheel, and what waits for the client or has come from it is kept only as long as there is any.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from realtime.transports.engineio import frames, packets
from realtime.transports.engineio.exchange import Exchange
from realtime.transports.engineio.frames import FrameReader, ProtocolViolation
from realtime.transports.engineio.hub import GOODBYE_SECONDS, Hub, Reason, State
from realtime.transports.engineio.inbox import FRAMES_PER_TURN, MAX_INBOX, MESSAGES_PER_TURN, End, Goodbye, InboxItem
from realtime.transports.engineio.waiting import REFILL_BYTES, Waiting
from realtime.transports.engineio.wheel import Item

Write = Callable[[bytes], None]


class Connection(asyncio.Protocol):
    """An Engine.IO session, on polling until it has a websocket."""

    __slots__ = (
        "_goodbye",
        "_inbox",
        "_is_held",
        "_is_leaving",
        "_reader",
        "_transport",
        "_waiting",
        "awaits_pong",
        "exchange",
        "hub",
        "session",
        "sid",
        "state",
        "wheel_slot",
        "write",
    )

    def __init__(self, hub: "Hub[Connection]", sid: str) -> None:
        self.hub, self.sid = hub, sid
        self.state = State.OPEN
        self.session: dict[str, Any] | None = None  # the application's own; see `engineio.AsyncServer.get_session`
        # The websocket's own `write`, while it takes bytes; None while they must wait here.
        self.write: Write | None = None
        self.wheel_slot: set[Item] | None = None
        self._transport: asyncio.Transport | None = None
        self._reader: FrameReader | None = None
        self._inbox: deque[InboxItem] | None = None  # None: nothing is being handled
        self._goodbye: Goodbye | None = None  # the client is gone; what it has said is still being read
        self._is_leaving = False  # nothing more is read
        self._is_held = False  # nothing more is read until what has come is handled
        self.awaits_pong = False  # it has a ping to answer
        self._waiting: Waiting | None = None  # None: nothing waits
        self.exchange: Exchange | None = Exchange(self)  # None: on a websocket

    @property
    def is_websocket(self) -> bool:
        """Whether the connection is a websocket (by now)."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state is State.OPEN

    @property
    def is_heard(self) -> bool:
        """Whether its client is still there, as far as is known; else what it has said before may still be handled."""
        return self.is_open and not self._is_leaving and self._goodbye is None

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the client."""
        return self._waiting is not None

    @property
    def waiting_bytes(self) -> int:
        """What waits for the client, here and in its transport; with what keeping it here costs."""
        buffered = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return buffered if self._waiting is None else buffered + self._waiting.bytes

    @property
    def unhandled(self) -> int:
        """Messages that have come and are not handled yet."""
        return 0 if self._inbox is None else len(self._inbox)

    @property
    def is_answered(self) -> bool:
        """Whether all that it has said has been handled."""
        return self._inbox is None

    # -- sending ----------------------------------------------------------------------------------------------------

    def wait_with(self, frame: bytes, conflation_key: str | None = None) -> None:
        """Keep a frame until the client takes it. For the outbox, when `write` is None."""
        if not self.is_open:
            return
        waiting = self._waiting = self._waiting or Waiting()
        is_crowded = self.waiting_bytes > self.hub.settings.waiting_conflate_bytes
        if waiting.add(frame, conflation_key if is_crowded else None):
            self.hub.on_conflated()
        if self.waiting_bytes > self.hub.settings.waiting_max_bytes:
            self._waiting = None
            self.hub.on_slow(self)
        elif self.exchange is not None:
            self.exchange.wake()

    def pause_writing(self) -> None:
        """asyncio: the client takes no more for now."""
        self._set_write(None)

    def resume_writing(self) -> None:
        """asyncio: the client has taken most of what waited."""
        if self.is_open and self._transport is not None:
            self._set_write(self._transport.write)
            while self._waiting and self.write is not None:
                self.write(b"".join(self._take_waiting(REFILL_BYTES)))

    def _set_write(self, write: Write | None) -> None:
        self.write = write
        self.hub.pace_changed()

    def _take_waiting(self, max_bytes: int, max_frames: int | None = None) -> list[bytes]:
        taken = [] if self._waiting is None else self._waiting.take(max_bytes, max_frames)
        if self._waiting is not None and not self._waiting.bytes:
            self._waiting = None
        return taken

    # -- receiving --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """asyncio: something has come."""
        if self._reader is not None:
            self._reader.feed(data)
            if not self._is_held:
                self._read()

    def _read(self) -> None:
        try:
            for _ in range(FRAMES_PER_TURN):
                frame = self._reader.next() if self._reader is not None else None
                if frame is None:
                    if self._goodbye is not None:
                        self._leave(self._goodbye)
                    return
                self._on_frame(frame)
                if self.unhandled >= MAX_INBOX:
                    self._hold()
                    return
        except ProtocolViolation as violation:
            self.fail(violation)
            return
        self._hold()
        asyncio.get_running_loop().call_soon(self._go_on_reading)

    def _hold(self) -> None:
        self._is_held = True
        if self._transport is not None:
            self._transport.pause_reading()

    def _go_on_reading(self) -> None:
        if self._is_held and self.state is not State.CLOSED:
            self._is_held = False
            if self._transport is not None:
                self._transport.resume_reading()
            self._read()

    def _on_frame(self, frame: frames.Frame) -> None:
        opcode, payload = frame
        if opcode == frames.CLOSE:
            self._on_close_frame(payload)
        elif not self.is_open or opcode == frames.CONTINUATION:
            pass
        elif opcode == frames.PING:
            # RFC 6455 section 5.5.3 asks for a pong for the latest ping alone; who does not read gets none.
            if self.write is not None and isinstance(payload, bytes):
                self.write(frames.encode_frame(frames.PONG, payload))
        elif opcode != frames.PONG:
            self.receive(payload)

    def receive(self, packet: str | bytes) -> None:
        """Take an Engine.IO packet from the client. Raises `ProtocolViolation`."""
        if not self.is_open or self._is_leaving:
            return
        if isinstance(packet, bytes):
            self._take(packet)
            return
        match packet[:1]:
            case packets.MESSAGE:
                self._take(packet[1:])
            case packets.PONG:
                if self.awaits_pong:
                    self.expect_ping_in(self.hub.settings.ping_interval_seconds)
                    self.hub.on_pong(self)
            case packets.BASE64:
                self._take(packets.decode_base64(packet))
            case packets.CLOSE:
                self._leave(Goodbye(Reason.CLIENT_DISCONNECT, frames.encode_close(frames.NORMAL_CLOSURE)))
            case packets.OPEN | packets.UPGRADE | packets.NOOP:
                pass  # without meaning here, and harmless
            case packets.PING:
                raise ProtocolViolation(frames.PROTOCOL_ERROR, "In Engine.IO 4 the server pings.")
            case _:
                raise ProtocolViolation(frames.PROTOCOL_ERROR, "This is not an Engine.IO packet.")

    def _take(self, message: InboxItem) -> None:
        if self._inbox is None:
            self._inbox = deque((message,))
            self.hub.start(self, self._handle_inbox(self._inbox))
        else:
            self._inbox.append(message)

    async def _handle_inbox(self, inbox: deque[InboxItem]) -> None:
        for number in itertools.count(1):
            message = inbox.popleft()
            if isinstance(message, End):
                await self.hub.on_close(self, message.reason)
            elif isinstance(message, Goodbye):
                self._part(message)
            else:
                try:
                    await self.hub.on_message(self, message)
                except ProtocolViolation as violation:
                    self.fail(violation)
            if len(inbox) < MAX_INBOX // 2:
                if self.exchange is not None:
                    self.exchange.make_room()
                self._go_on_reading()
            if not inbox:
                self._inbox = None
                return
            if number % MESSAGES_PER_TURN == 0:
                await asyncio.sleep(0)

    # -- deadlines --------------------------------------------------------------------------------------------------

    def expect_ping_in(self, seconds: float) -> None:
        """Ping the client then."""
        self.awaits_pong = False
        self.hub.wheel.arm(self, seconds)

    def on_due(self) -> None:
        """The wheel: time to ping, or the client has not answered, or has not said goodbye."""
        if not self.is_open:
            self._abort()
        elif self.awaits_pong and (self._is_held or (self.exchange is not None and self.exchange.is_post_open)):
            self.hub.wheel.arm(self, self.hub.settings.ping_timeout_seconds)  # its pong may be among what is not read
        elif self.awaits_pong:
            self.close(Reason.PING_TIMEOUT)
            if not self.is_websocket:
                self._abort()  # what waits would never be fetched
        else:
            self.ping()

    def ping(self) -> None:
        """Ask the client for a pong, in its time, behind what was written before."""
        self.awaits_pong = True
        self.hub.wheel.arm(self, self.hub.settings.ping_timeout_seconds)
        (self.write or self.wait_with)(packets.PING_FRAME)

    # -- the websocket ----------------------------------------------------------------------------------------------

    def connect_websocket(self, transport: asyncio.Transport, reader: FrameReader) -> None:
        """Go on with a websocket, whose handshake is done; `reader` may hold frames that have come already."""
        self._transport, self._reader = transport, reader
        exchange, self.exchange = self.exchange, None
        transport.set_write_buffer_limits(high=self.hub.settings.waiting_conflate_bytes)
        transport.set_protocol(self)
        self.resume_writing()
        if exchange is not None:
            exchange.hand_over()
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the TCP connection is gone."""
        self._transport = None
        if not self.is_open:
            self._abort()
            return
        self._set_write(None)
        self._goodbye = Goodbye(Reason.TRANSPORT_CLOSE if exc is None else Reason.TRANSPORT_ERROR)
        if not self._is_held and not self._is_leaving:  # else it has said more than was read, or handled
            self._leave(self._goodbye)

    def _on_close_frame(self, payload: str | bytes) -> None:
        assert isinstance(payload, bytes)
        code = frames.close_code(payload)
        if self.is_open:
            answer = frames.encode_frame(frames.CLOSE, b"") if code == frames.NO_STATUS else frames.encode_close(code)
            self._leave(Goodbye(Reason.TRANSPORT_CLOSE, answer))
        elif self._transport is not None:
            self._reader = None
            self._transport.close()

    # -- polling ----------------------------------------------------------------------------------------------------

    def take_payload(self) -> list[bytes]:
        """Take the frames that go into one answer; the last one ends a session that is closing."""
        taken = self._take_waiting(self.hub.settings.waiting_max_bytes, packets.MAX_PACKETS_IN_PAYLOAD)
        if self.state is State.CLOSING and not self.has_waiting:
            self._abort()
        return taken

    def overlapped(self) -> None:
        """See `exchange.Session`."""
        self.close(Reason.TRANSPORT_ERROR, last=packets.CLOSE_FRAME)
        self._abort_unless_awaited()

    # -- closing ----------------------------------------------------------------------------------------------------

    def close(self, reason: str, code: int = frames.NORMAL_CLOSURE, text: str = "", last: bytes = b"") -> None:
        """Write what waits, then the frame `last`, then goodbye; the application is told now.

        `code` and `text` are for the websocket's close frame. A polling client finds all of it with its next request,
        and after that no session.
        """
        if self.is_open:
            self.hub.flush()
        if not self.is_open:  # or too slow for that
            return
        if last:
            self._waiting = self._waiting or Waiting()
            self._waiting.add(last)
        self._close(reason)
        if self._transport is not None:
            waiting = b"".join(self._take_waiting(self.hub.settings.waiting_max_bytes))
            self._transport.write(waiting + frames.encode_close(code, text))
            self._go_on_reading()
        elif not self.has_waiting:
            self._abort_unless_awaited()

    def _leave(self, goodbye: Goodbye) -> None:
        """The client goes, once what it has said before is handled: who says a thing and leaves means both."""
        self._is_leaving = True
        self._reader = None
        if self._inbox is None:
            self._part(goodbye)
        else:
            self._inbox.append(goodbye)

    def _part(self, goodbye: Goodbye) -> None:
        self.hub.flush()
        if not self.is_open:
            return
        self._close(Reason.TRANSPORT_ERROR if self.has_waiting else goodbye.reason)  # it has not heard all
        if self._transport is not None:
            self._transport.write(goodbye.answer)
            self._transport.close()
        else:
            self._abort_unless_awaited()

    def fail(self, violation: ProtocolViolation) -> None:
        """The client broke the protocol: say so, and read nothing more of it (RFC 6455 section 7.1.7)."""
        self._reader = None
        if self.is_open:
            self.hub.on_violation()
        self.close(Reason.TRANSPORT_ERROR, violation.code, str(violation))
        if self._transport is None:
            self._abort_unless_awaited()
        elif not self._transport.is_closing():
            # Closing at once resets the connection if more has come than we read; the client would never learn why.
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def _close(self, reason: str) -> None:
        """Tell the application, once; nothing more is sent or handled."""
        if not self.is_open:
            return
        self.state = State.CLOSING
        self._set_write(None)
        if self._inbox is not None:
            self._inbox.clear()
        self._take(End(reason))
        if self.exchange is not None:
            self.exchange.end()
        self.hub.wheel.arm(self, GOODBYE_SECONDS)

    def _abort_unless_awaited(self) -> None:
        # A GET under way still hears of the end.
        if self.exchange is None or not self.exchange.is_get_open:
            self._abort()

    def _abort(self) -> None:
        """Nothing more comes of it."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self.hub.wheel.disarm(self)
        self.hub.forget(self)
        self.exchange = self._waiting = self._reader = None
        if self._transport is not None:
            self._transport.abort()
