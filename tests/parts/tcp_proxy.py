"""The network between two parts: a TCP proxy that can cut it, swallow what is sent, or take its time."""

import asyncio
import contextlib
import socket
import struct

from parts.ports import free_port

CHUNK_BYTES = 65_536
# Closes with a reset, as a firewall or a dead host's successor would.
_RESET = struct.pack("ii", 1, 0)


class TcpProxy:
    """Listens on a port of 127.0.0.1 and passes everything on to another one there.

    `cut` drops all connections with a reset and refuses new ones; `blackhole` keeps them, takes new ones, and passes on
    nothing in either direction; `heal` ends both.
    """

    def __init__(self, to_port: int, *, at: int | None = None) -> None:
        self.to_port = to_port
        self.port = at or free_port()
        self.delay_seconds = 0.0
        """How much later everything arrives, in either direction."""
        self._server: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Drop all connections, and listen no more."""
        await self.cut()

    async def cut(self) -> None:
        """Drop all connections with a reset, and refuse new ones until `heal`."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = list(self._connections)
        for task, writer in self._connections.items():
            _reset(writer)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def blackhole(self) -> None:
        """Keep connections and take new ones, but pass on nothing until `heal`."""
        self._passing.clear()

    async def heal(self) -> None:
        """Pass on again, also what was sent meanwhile on connections that are still there."""
        self._passing.set()
        if self._server is None:
            await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        onward: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            back, onward = await asyncio.open_connection("127.0.0.1", self.to_port)
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(self._pass_on(reader, onward))
                both_ways.create_task(self._pass_on(back, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[task]
            for one in (writer, onward):
                if one is not None:
                    _reset(one)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._passing.wait()
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
