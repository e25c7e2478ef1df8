"""A hub and a transport, without a network: what is written is kept, and the reader may stop reading."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from realtime.settings import SocketSettings
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.frames import FrameReader
from realtime.transports.engineio.outbox import Outbox
from realtime.transports.engineio.wheel import Wheel


class FakeTransport:
    """Buffers what is written; above the limit it asks its protocol to pause, as asyncio's transports do."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffered = 0
        self.is_reading = True
        self.is_eof = False
        self.closed: str | None = None
        self._is_stalled = False
        self._is_paused = False
        self._high = 65_536
        self.protocol: Any = None

    def stall(self) -> None:
        """The client does not read any more."""
        self._is_stalled = True

    def go_on(self) -> None:
        """The client reads all that has been written."""
        self._is_stalled, self.buffered = False, 0
        if self._is_paused:
            self._is_paused = False
            self.protocol.resume_writing()

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self._is_stalled:
            self.buffered += len(data)
            if self.buffered > self._high and not self._is_paused:
                self._is_paused = True
                self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_write_buffer_limits(self, high: int) -> None:
        self._high = high

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.closed is not None

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_eof = True

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = "aborted"


class FakeHub:
    """What connections share; notes what it is told."""

    def __init__(self, **settings: Any) -> None:
        self.settings = SocketSettings(**settings)
        self.wheel = Wheel(tick_seconds=0.01, longest_seconds=30)
        self.outbox = Outbox()
        self.flush = self.outbox.flush
        self.messages: list[str | bytes] = []
        self.closed: list[str] = []
        self.violations = 0
        self.slow: list[Connection] = []
        self.conflated = 0
        self.pongs: list[Connection] = []
        self.may_handle = asyncio.Event()
        self.may_handle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = 0

    def connect(self) -> tuple[Connection, FakeTransport]:
        """Make a connection over a websocket."""
        connection, transport = self.connect_polling(), FakeTransport()
        connection.connect_websocket(cast("asyncio.Transport", transport), FrameReader(self.settings.message_max_bytes))
        return connection, transport

    def connect_polling(self) -> Connection:
        self._numbers += 1
        return Connection(self, f"sid-{self._numbers}")

    def pace_changed(self) -> None:
        self.outbox.pace += 1

    def start(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, connection: Connection) -> None:
        pass

    def on_pong(self, connection: Connection) -> None:
        self.pongs.append(connection)

    async def on_message(self, connection: Connection, message: str | bytes) -> None:
        await self.may_handle.wait()
        self.messages.append(message)

    async def on_close(self, connection: Connection, reason: str) -> None:
        self.closed.append(reason)

    def on_violation(self) -> None:
        self.violations += 1

    def on_conflated(self) -> None:
        self.conflated += 1

    def on_slow(self, connection: Connection) -> None:
        self.slow.append(connection)
        connection.close("slow client", 1013)
