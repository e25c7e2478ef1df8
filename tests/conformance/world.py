"""The echo server without a network, for fuzzers: connections over transports that only note what is written."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from conformance.echo_server import Parts, compose
from realtime.settings import HttpSettings, SocketSettings

MESSAGE_MAX_BYTES = 1_024
# Turns of the loop after which nothing more can happen by itself.
QUIET_TURNS = 40
PATIENCE_TURNS = 5_000

Outcome = TypeVar("Outcome")


class World:
    """One server for all inputs, with a loop of its own; each input finds it empty, and has to leave it so."""

    _shared: "World | None" = None

    @classmethod
    def shared(cls) -> "World":
        """The one of this process."""
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    @classmethod
    def end(cls) -> None:
        """Close the shared one."""
        if cls._shared is not None:
            cls._shared._close()
            cls._shared = None

    def __init__(self) -> None:
        self.surprises: list[Any] = []
        self._runner = asyncio.Runner()
        loop = self._runner.get_loop()
        loop.set_exception_handler(lambda _, context: self.surprises.append(context))
        self.parts: Parts = self._runner.run(self._compose())

    async def _compose(self) -> Parts:
        sockets = SocketSettings(message_max_bytes=MESSAGE_MAX_BYTES, waiting_max_bytes=65_536)
        parts = compose(HttpSettings(), sockets)
        self._running = parts.running()
        await self._running.__aenter__()
        return parts

    def _close(self) -> None:
        self._runner.run(self._running.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Run one input, and see that nothing is left of it."""
        outcome = self._runner.run(work)
        assert not self.surprises, self.surprises
        return outcome

    def left(self) -> dict[str, Any]:
        """What is left of clients."""
        engine, server, manager = self.parts.engine, self.parts.server, self.parts.manager
        everything = {
            "connections": engine.connections,
            "strangers": engine._strangers,
            "tasks": engine._tasks,
            "deadlines": [item for slot in engine.wheel._slots for item in slot if item is not engine],
            "environ": server.environ,
            "attachments": server._binary_packet,
            "attempts": server._attempts,
            "rooms": {namespace: rooms for namespace, rooms in manager.rooms.items() if rooms},
            "callbacks": manager.callbacks,
            "connecting": manager.pending_connect,
            "disconnecting": manager.pending_disconnect,
        }
        return {name: left for name, left in everything.items() if left}

    def bugs(self) -> float:
        """How many exceptions the server has caught that it did not expect."""
        return sum(sample.value for metric in self.parts.engine._metrics.bugs.collect() for sample in metric.samples)


class NotedTransport(asyncio.Transport):
    """A client's end: what is written is noted, and closing takes a turn of the loop, as with TCP."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_reading_paused = False
        self.has_ended = False  # the server sends nothing more
        self.protocol: asyncio.Protocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert data, "nothing is written"
        if not self.has_ended:
            self.written += data

    def write_eof(self) -> None:
        self.has_ended = True

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def is_reading(self) -> bool:
        return not self.is_reading_paused

    def is_closing(self) -> bool:
        return self._is_closing

    _is_closing = False

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = self.has_ended = True
            asyncio.get_running_loop().call_soon(self.lose)

    abort = close

    _is_lost = False

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        self._is_closing = self.has_ended = True
        if not self._is_lost and self.protocol is not None:
            self._is_lost = True
            self.protocol.connection_lost(error)

    async def feed(self, data: bytes) -> None:
        """Send what a client sends, once the server reads."""
        await until(lambda: not self.is_reading_paused or self._is_closing, "the server reads again")
        if not self._is_closing and self.protocol is not None:
            self.protocol.data_received(data)


async def until(condition: Callable[[], bool], message: str) -> None:
    """Let the loop turn until it is so."""
    for _ in range(PATIENCE_TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"not after {PATIENCE_TURNS} turns: {message}")


async def quiet() -> None:
    """Let everything that is ready happen."""
    for _ in range(QUIET_TURNS):
        await asyncio.sleep(0)
