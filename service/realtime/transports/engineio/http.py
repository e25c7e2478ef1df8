"""uvicorn's HTTP protocol, which lets a websocket of ours go its own way, and does not wait for ever.

uvicorn is asked for this with `Config(http=...)`. What is not Socket.IO's passes through untouched.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.frames import FrameReader
from realtime.transports.engineio.handshake import (
    WEBSOCKET,
    Problem,
    Refused,
    accept_websocket,
    check_origin,
    check_query,
    environ_of,
    read_query,
)
from realtime.transports.engineio.probe import Probe
from realtime.transports.engineio.wheel import Item

# What the kernel keeps for a client that does not read, beside what is on its way; without this it is megabytes.
KERNEL_WAITING_BYTES: Final = 131_072
# Of one request's first line and headers; what browsers send with large cookies is a fifth of it.
MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 100
# Requests that wait behind one that is being served, on the same connection.
MAX_PIPELINED: Final = 100
_CONTINUE: Final = b"HTTP/1.1 100 "


def http_protocol(engine: Engine) -> type[HttpToolsProtocol]:
    """Make the class that uvicorn makes its HTTP protocols of."""
    return type("EngineHttpProtocol", (_EngineHttpProtocol,), {"engine": engine})


class _EngineHttpProtocol(HttpToolsProtocol):
    engine: Engine

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.wheel_slot: set[Item] | None = None
        self._chunk = b""
        self._is_receiving = False
        self._head_bytes = 0
        self._problem: Problem | None = None  # for which the request that is being parsed is refused

    # -- a request must come in time --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_receiving = True
        self._head_bytes = 0
        # While an earlier request is served, uvicorn does not read: then it is not the client who is late.
        if self.wheel_slot is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_request()

    def on_message_complete(self) -> None:
        self._is_receiving = False
        if not self.flow.write_paused:  # else the deadline is for the client to read
            self.engine.wheel.disarm(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_receiving:
            self._expect_request()

    def _expect_request(self) -> None:
        self.engine.wheel.arm(self, self.engine.http.request_timeout_seconds)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_request()  # or rather: that the client reads

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._is_receiving:
            self.engine.wheel.disarm(self)

    def on_due(self) -> None:
        self.engine.refused(Problem.TOO_SLOW)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.engine.wheel.disarm(self)
        super().connection_lost(exc)

    # -- and must not be too much -----------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._measure_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure_head(len(name) + len(value))
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop(Problem.HEAD_TOO_LARGE)

    def _measure_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._stop(Problem.HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop(Problem.TOO_MANY_AT_ONCE)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD" and self._is_ours(self.scope["path"]):
            self.cycle.transport = _WholeAnswer(self.transport)  # type: ignore[assignment]

    def _is_ours(self, path: str) -> bool:
        return f"{path}/".startswith(self.engine.path)

    def _stop(self, problem: Problem) -> None:
        self._problem = problem
        raise Refused(problem)  # what the parser makes of it, uvicorn answers with `send_400_response`

    def send_400_response(self, msg: str) -> None:
        if self._problem is None:
            super().send_400_response(msg)
        else:
            self._refuse(Refused(self._problem))

    # -- a websocket of ours ----------------------------------------------------------------------------------------

    def _get_upgrade(self) -> bytes | None:
        # uvicorn takes the header for one word, and the last one for all; RFC 7230 section 6.7 makes it a list.
        asked = dict.fromkeys((b"connection", b"upgrade"), b"")
        for name, value in self.headers:
            if name in asked:
                asked[name] += b"," + value.lower()
        words = {name: {word.strip() for word in value.split(b",")} for name, value in asked.items()}
        return WEBSOCKET.encode() if b"upgrade" in words[b"connection"] and b"websocket" in words[b"upgrade"] else None

    def data_received(self, data: bytes) -> None:
        self._chunk = data
        super().data_received(data)

    def handle_websocket_upgrade(self) -> None:
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            self._refuse(Refused(Problem.BAD_REQUEST, "the URL cannot be read"))
            return
        path = (url.path or b"").decode("latin-1")
        if not self._is_ours(path):
            super().handle_websocket_upgrade()
            return
        try:
            self._open_websocket(path, url.query or b"")
        except Refused as refused:
            self._refuse(refused)

    def _open_websocket(self, path: str, query_string: bytes) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            raise Refused(Problem.BAD_REQUEST, "an earlier request on this connection is not answered yet")
        method, headers, engine = self.scope["method"], dict(self.scope["headers"]), self.engine
        query = read_query(query_string)
        check_query(query, method, engine.settings.transports)
        if query.transport != WEBSOCKET:
            raise Refused(Problem.BAD_REQUEST, "a websocket is asked for with transport=websocket")
        check_origin(headers, self.scope["scheme"], engine.http.cors_origins)
        answer = accept_websocket(self.scope["headers"], method, self.scope["http_version"])
        self._limit_kernel_buffer()
        reader = engine.new_reader()
        # uvicorn is just handling the parser's exception, which says where the request ended.
        upgrade = sys.exception()
        assert isinstance(upgrade, httptools.HttpParserUpgrade)
        reader.feed(self._chunk[upgrade.args[0] :])
        if query.sid is not None:
            self._probe(engine.find(query.sid), answer, reader)
            return

        asked_at = time.monotonic()

        def begin() -> None:
            connection = engine.open(environ_of(self.scope, path, query_string), time.monotonic() - asked_at)
            self.transport.write(answer + engine.open_packet(connection, []))
            connection.connect_websocket(self.transport, reader)
            self._let_go()

        turn = engine.queue()
        if turn is None:
            begin()
        else:
            self.transport.pause_reading()  # what comes meanwhile is the websocket's
            turn.add_done_callback(lambda _: self._begin_late(begin))

    def _begin_late(self, begin: Callable[[], None]) -> None:
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        try:
            begin()
        except Refused as refused:
            self._refuse(refused)

    def _probe(self, connection: Connection, answer: bytes, reader: FrameReader) -> None:
        self.transport.write(answer)
        probe = Probe(connection, self.transport, reader)
        self.transport.set_protocol(probe)
        if connection.exchange is None or connection.exchange.is_upgrading:
            probe.refuse()
        probe.read()
        self._let_go()

    def _limit_kernel_buffer(self) -> None:
        tcp = self.transport.get_extra_info("socket")
        if tcp is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_WAITING_BYTES)

    def _let_go(self) -> None:
        """Break the circles of an HTTP protocol that is not needed any more; memory is free at once."""
        self.engine.wheel.disarm(self)
        self.connections.discard(self)
        self.parser = self.flow = self.transport = self.scope = self.cycle = None  # type: ignore[assignment]

    def _refuse(self, refused: Refused) -> None:
        self.engine.refused(refused.problem)
        body = refused.body()
        lines = [
            STATUS_LINE[refused.status],
            b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body),
            *(b"%b: %b\r\n" % header for header in refused.headers()),
            b"\r\n",
            body,
        ]
        self.transport.write(b"".join(lines))
        self.transport.close()


class _WholeAnswer:
    """What uvicorn writes a polling request's answer to: the head waits for the body, and both leave together.

    As from Node's server. python-engineio's client closes its session before it reads why it was refused, and so is
    told only what came with the head.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if data.startswith(_CONTINUE):
            self._transport.write(data)
        elif self._head is None:
            self._head = data
        else:
            self._transport.write(self._head + data)
            self._head = b""

    def close(self) -> None:
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
