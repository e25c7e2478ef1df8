"""The sticky proxy: one public port, and behind it the pods and the page.

A session's requests go to the pod that its id names; who has no session yet goes to each ready pod in turn. Each
connection carries one request, or one websocket, and is then closed: so every request is routed anew, and what follows
the head is bytes that pass through both ways.
"""

import asyncio
import json
import socket
import time
from collections.abc import Iterable
from typing import Final

from realtime.demo.pods import DemoPod, DemoPods
from realtime.demo.ports import HOST
from realtime.demo.request_head import BadRequestHead, RequestHead

# A token in the query may have 8 KiB.
HEAD_MAX_BYTES: Final = 32_768
HEAD_TIMEOUT_SECONDS: Final = 10.0
CONNECT_TIMEOUT_SECONDS: Final = 2.0
CLOSE_TIMEOUT_SECONDS: Final = 2.0
CHUNK_BYTES: Final = 65_536
MAX_CONNECTIONS: Final = 2_000

SOCKETS_PATH: Final = "/socket.io"
POD_PATHS: Final = (SOCKETS_PATH, "/realtime", "/api", "/health", "/metrics")

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class StickyProxy:
    """Serves on a socket that listens already. Until `open` says what is behind it, it asks clients to come back."""

    def __init__(self, silence_seconds: float) -> None:
        """`silence_seconds`: a connection over which nothing has passed for so long is cut."""
        self._silence_seconds = silence_seconds
        self._pods: DemoPods | None = None
        self._page_port = 0
        self._connections: set[asyncio.Task[None]] = set()

    def open(self, pods: DemoPods, page_port: int) -> None:
        """Let clients through from now on."""
        self._pods, self._page_port = pods, page_port

    async def serve(self, listener: socket.socket) -> None:
        """Run until cancelled; then cut all connections."""
        server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_MAX_BYTES)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._carry_request(reader, writer)
        except OSError:
            pass  # either end has gone, or fallen silent (TimeoutError is one): the other one is told by the close
        finally:
            self._connections.discard(task)
            await _close(writer)

    async def _carry_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_SECONDS):
                head = RequestHead.parse(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError:
            return  # browsers open connections that they then do not use
        except (asyncio.LimitOverrunError, BadRequestHead) as error:
            too_large = isinstance(error, asyncio.LimitOverrunError)
            await _answer(writer, "431 Request Header Fields Too Large" if too_large else "400 Bad Request", str(error))
            return
        if self._pods is None:
            await _answer(writer, "503 Service Unavailable", "The demo is still starting.")
        elif len(self._connections) > MAX_CONNECTIONS:
            await _answer(writer, "503 Service Unavailable", f"The proxy carries {MAX_CONNECTIONS} connections.")
        else:
            await self._forward(self._pods, head, (reader, writer))

    async def _forward(self, pods: DemoPods, head: RequestHead, client: Stream) -> None:
        if not _is_below(head.path, POD_PATHS):
            upstream = await _connect(self._page_port)
        elif head.session_id is not None and _is_below(head.path, (SOCKETS_PATH,)):
            pod = pods.of_session(head.session_id)
            upstream = await _connect(pod.port) if pod is not None else None
            if upstream is None:
                # As Engine.IO answers for a session it does not know: the client closes it and begins anew.
                await _answer(client[1], "400 Bad Request", json.dumps({"code": 1, "message": "Session ID unknown"}))
                return
        else:
            upstream = await _connect_to_any(pods.in_turn())
        if upstream is None:
            await _answer(client[1], "503 Service Unavailable", "Nobody behind the proxy is ready.")
            return
        try:
            upstream[1].write(head.to_upstream())
            await self._pass_through(client, upstream)
        finally:
            await _close(upstream[1])

    async def _pass_through(self, client: Stream, upstream: Stream) -> None:
        """Carry bytes both ways until either end closes, or both are silent."""
        passed = Passed()
        pumps = [
            asyncio.create_task(_pump(client[0], upstream[1], passed)),
            asyncio.create_task(_pump(upstream[0], client[1], passed)),
            asyncio.create_task(passed.until_silent(self._silence_seconds)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
        errors = [pump.exception() for pump in pumps if not pump.cancelled()]
        for error in filter(None, errors):
            raise error


class Passed:
    """When something last passed over a connection, in either direction."""

    def __init__(self) -> None:
        self.at_seconds = time.monotonic()

    async def until_silent(self, silence_seconds: float) -> None:
        """Return when nothing has passed for so long."""
        while (rest_seconds := self.at_seconds + silence_seconds - time.monotonic()) > 0:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(rest_seconds)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, passed: Passed) -> None:
    while chunk := await source.read(CHUNK_BYTES):
        sink.write(chunk)
        await sink.drain()  # a sink that takes nothing holds its source back
        passed.at_seconds = time.monotonic()


def _is_below(path: str, prefixes: Iterable[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


async def _connect_to_any(pods: Iterable[DemoPod]) -> Stream | None:
    for pod in pods:
        upstream = await _connect(pod.port)
        if upstream is not None:
            return upstream
        pod.is_ready = False  # until it answers the next look
    return None


async def _connect(port: int) -> Stream | None:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            return await asyncio.open_connection(HOST, port)
    except OSError:
        return None


async def _answer(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = text.encode()
    kind = "application/json" if text.startswith("{") else "text/plain; charset=utf-8"
    come_back = "Retry-After: 1\r\n" if status.startswith("503") else ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{come_back}"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection once what has been written is sent; cut it when that takes too long."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await writer.wait_closed()
    except OSError:
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
