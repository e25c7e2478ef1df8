"""A wire between a pod and Redis that can be cut, at a given byte if need be, and that can go dead."""

import asyncio
import contextlib
from typing import Self

from parts.ports import free_port

CHUNK_BYTES = 65_536


class Wire:
    """Forwards TCP connections to a port on loopback."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_behind: bytes | None = None
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._answers_pass = asyncio.Event()
        self._answers_pass.set()
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        self._is_whole.set()
        self._answers_pass.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections; new ones can be made."""
        for writer in list(self._connections):
            writer.transport.abort()
        self.cuts += 1

    def cut_behind(self, last_bytes: bytes) -> None:
        """Break the connection on which Redis says these bytes, right behind them."""
        self._cut_behind = last_bytes

    def sever(self) -> None:
        """Break all connections, and let none be made."""
        self._is_whole.clear()
        self.cut()

    def mend(self) -> None:
        self._is_whole.set()

    def hold_answers(self) -> None:
        """What Redis says from now on is kept back: the line is dead, but nobody hangs up."""
        self._answers_pass.clear()

    def let_answers_pass(self) -> None:
        self._answers_pass.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_whole.is_set():
            writer.transport.abort()
            return
        try:
            redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, redis_writer}
        self._connections |= ends
        both = [
            asyncio.create_task(self._forward(reader, redis_writer, is_answer=False)),
            asyncio.create_task(self._forward(redis_reader, writer, is_answer=True)),
        ]
        self._tasks.update(both)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for end in ends:
                end.transport.abort()
            self._connections -= ends
            self._tasks.difference_update(both)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        said = b""
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if is_answer:
                    await self._answers_pass.wait()
                    if self._cut_behind is not None:
                        said += chunk
                        place = said.find(self._cut_behind)
                        if place >= 0:
                            rest = len(said) - place - len(self._cut_behind)
                            self._cut_behind = None
                            writer.write(chunk[: len(chunk) - rest])
                            await writer.drain()
                            writer.close()  # what was written still arrives
                            await writer.wait_closed()
                            self.cuts += 1
                            return
                writer.write(chunk)
                await writer.drain()
