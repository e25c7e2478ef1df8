"""Engine.IO over HTTP requests: sessions on polling, the first step of a client that asks for an upgrade later."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

from starlette.types import Receive, Scope, Send

from realtime.transports.engineio import frames
from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.exchange import Exchange, PollOverlap
from realtime.transports.engineio.frames import ProtocolViolation
from realtime.transports.engineio.handshake import (
    POLLING,
    WEBSOCKET,
    Headers,
    Problem,
    Refused,
    check_origin,
    check_query,
    cors_headers,
    environ_of,
    read_query,
)
from realtime.transports.engineio.hub import Reason
from realtime.transports.engineio.packets import encode_payload

_TEXT: Final = (b"content-type", b"text/plain; charset=UTF-8")
_JSON: Final = (b"content-type", b"application/json")


class _Gone(Exception):
    """The client has left in the middle of its request."""


class PollingApp:
    """An ASGI application that serves the polling transport."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers: Headers = dict(scope["headers"])
        cors: Sequence[tuple[bytes, bytes]] = ()
        try:
            check_origin(headers, scope["scheme"], self._engine.http.cors_origins)
            cors = cors_headers(headers, scope["method"])
            body = await self._serve(scope, headers, receive)
        except Refused as refused:
            self._engine.refused(refused.problem)
            await _answer(send, refused.status, refused.body(), [_JSON, *refused.headers(), *cors])
        except _Gone:
            pass
        else:
            await _answer(send, 200, body, [_TEXT, (b"cache-control", b"no-store"), *cors])

    async def _serve(self, scope: Scope, headers: Headers, receive: Receive) -> bytes:
        method = scope["method"]
        if method == "OPTIONS":
            return b""
        query = read_query(scope["query_string"])
        check_query(query, method, self._engine.settings.transports)
        if query.transport != POLLING:
            raise Refused(Problem.BAD_REQUEST, "a websocket begins with an upgrade")
        if query.sid is None:
            asked_at = time.monotonic()
            if (turn := self._engine.queue()) is not None:
                await _until(turn, receive)
            environ = environ_of(scope, scope["path"], scope["query_string"])
            connection = self._engine.open(environ, time.monotonic() - asked_at)
            upgrades = [WEBSOCKET] if WEBSOCKET in self._engine.settings.transports else []
            return encode_payload([self._engine.open_packet(connection, upgrades)])
        connection = self._engine.find(query.sid)
        exchange = connection.exchange
        if exchange is None:
            raise Refused(Problem.BAD_REQUEST, "the session is not on polling")
        try:
            if method == "GET":
                return await self._get(connection, exchange, receive)
            if method == "POST":
                return await self._post(connection, exchange, headers, receive)
        except PollOverlap as overlap:
            raise Refused(Problem.BAD_REQUEST, str(overlap)) from None
        raise Refused(Problem.BAD_REQUEST, "a session is asked with GET, and told with POST")

    async def _get(self, connection: Connection, exchange: Exchange, receive: Receive) -> bytes:
        poll = exchange.open_get()
        await receive()  # the request itself
        if not poll.done():
            gone = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
        if not poll.done():
            exchange.close_get()
            # As Node's server does: a client whose request was cut begins anew.
            connection.close(Reason.TRANSPORT_ERROR)
            raise _Gone
        return exchange.close_get()

    async def _post(self, connection: Connection, exchange: Exchange, headers: Headers, receive: Receive) -> bytes:
        exchange.open_post()
        try:
            body = await self._read_body(headers, receive)
            if not connection.is_open:
                raise Refused(Problem.UNKNOWN_SID)
            await exchange.take(body)
        except ProtocolViolation as violation:
            connection.fail(violation)
            problem = Problem.TOO_LARGE if violation.code == frames.MESSAGE_TOO_BIG else Problem.BAD_REQUEST
            raise Refused(problem, str(violation)) from None
        finally:
            exchange.close_post()
        return b"ok"

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes:
        max_bytes = self._engine.settings.message_max_bytes
        too_large = ProtocolViolation(frames.MESSAGE_TOO_BIG, f"A payload may have {max_bytes} bytes.")
        with contextlib.suppress(ValueError):
            if int(headers.get(b"content-length", b"0")) > max_bytes:
                raise too_large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise too_large
            if not message.get("more_body"):
                return bytes(body)


async def _until(turn: asyncio.Future[None], receive: Receive) -> None:
    """Wait for a handshake's turn; who goes meanwhile takes nobody's."""
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((turn, gone), return_when=asyncio.FIRST_COMPLETED)
        if not turn.done():
            raise _Gone
    finally:
        gone.cancel()
        turn.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
