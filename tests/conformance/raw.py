"""A client that may say anything, byte by byte, and believes nothing that the protocols do not allow.

What it sends is the test's own choice, right or wrong. What it reads is held against RFC 9112 (HTTP/1.1) and RFC 6455
(websockets): the server must not mask, set a reserved bit, waste bytes on a length, or send a close code that may not
be sent.
"""

import asyncio
import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

# Long against what a busy machine needs, short against a test's own limit.
PATIENCE_SECONDS = 5.0
# For a server that takes its time on purpose.
SEND_PATIENCE_SECONDS = 30.0
# The largest thing that a server says in these tests.
READ_MAX_BYTES = 16 * 1024 * 1024

# RFC 6455 section 1.3: what a server proves its understanding with.
ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = base64.b64encode(b"sixteen bytes, 1").decode()
MASK = b"\x37\xfa\x21\x3d"

WEBSOCKET_HEADERS = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


class Opcode(IntEnum):
    """RFC 6455 section 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


# RFC 6455 section 7.4 and IANA's registry; 1005, 1006 and 1015 are never on the wire.
SENDABLE_CLOSE_CODES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, *range(3000, 5000)}
NO_CODE = 1005


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that the server has sent, found correct."""

    opcode: Opcode
    payload: bytes

    @property
    def text(self) -> str:
        assert self.opcode is Opcode.TEXT, self
        return self.payload.decode()

    @property
    def close_code(self) -> int:
        """The close frame's code; 1005 for a frame without one (RFC 6455 section 7.1.5)."""
        assert self.opcode is Opcode.CLOSE, self
        return int.from_bytes(self.payload[:2], "big") if self.payload else NO_CODE


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response that the server has sent, found correct; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length_bits: int | None = None,
    announced: int | None = None,
) -> bytes:
    """Build a client's frame.

    `rsv` is three bits; `mask=None` leaves it unmasked; `length_bits` (7, 16 or 64) takes a longer length than needed;
    `announced` writes another length than the payload's.
    """
    data = payload.encode() if isinstance(payload, str) else payload
    length = len(data) if announced is None else announced
    bits = length_bits or (7 if length < 126 else 16 if length < 1 << 16 else 64)
    masked = 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if bits == 7:
        head += bytes([masked | length])
    else:
        head += bytes([masked | (126 if bits == 16 else 127)]) + length.to_bytes(bits // 8, "big")
    return head + data if mask is None else head + mask + masked_payload(data, mask)


def masked_payload(data: bytes, mask: bytes) -> bytes:
    """Mask, or unmask (RFC 6455 section 5.3)."""
    stream = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def text(payload: str | bytes, **options: Any) -> bytes:
    """Build a text frame; options as of `frame`."""
    return frame(Opcode.TEXT, payload, **options)


def binary(payload: bytes, **options: Any) -> bytes:
    """Build a binary frame; options as of `frame`."""
    return frame(Opcode.BINARY, payload, **options)


def close(code: int | None = None, reason: bytes | str = b"", **options: Any) -> bytes:
    """Build a close frame; options as of `frame`."""
    said = reason.encode() if isinstance(reason, str) else reason
    return frame(Opcode.CLOSE, b"" if code is None else code.to_bytes(2, "big") + said, **options)


def request(
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    *,
    version: str = "HTTP/1.1",
) -> bytes:
    """Build an HTTP request with the body's length; `headers` go over `Host`."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"Host": "127.0.0.1"} | dict(headers or {})
    if data is not None and not {"Content-Length", "Transfer-Encoding"} & fields.keys():
        fields["Content-Length"] = str(len(data))
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (data or b"")


def upgrade_request(target: str, headers: Mapping[str, str | None] | None = None, **options: Any) -> bytes:
    """Build a websocket handshake; `headers` go over the right ones, None leaves one out; options as of `request`."""
    fields = WEBSOCKET_HEADERS | dict(headers or {})
    method = options.pop("method", "GET")
    lines = [f"{method} {target} {options.pop('version', 'HTTP/1.1')}"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    assert not options, options
    return "\r\n".join([*lines, "", ""]).encode()


class Wire:
    """One connection, used as `async with`. Whatever is awaited comes within `PATIENCE_SECONDS`, or the test fails.

    On a socket of its own, without asyncio's streams: these forget what they have received when a later write fails,
    and a server that closes while more is being sent to it is just what is tested here.
    """

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        receive_buffer_bytes: int | None = None,
        send_buffer_bytes: int | None = None,
    ) -> None:
        """A small receive buffer makes a client that does not read felt at once; a small one to send bounds what is left."""
        self._port = port
        self._tls = tls
        self._receive_buffer_bytes = receive_buffer_bytes
        self._send_buffer_bytes = send_buffer_bytes
        self.sent_bytes = 0
        self._buffer = bytearray()
        self._socket: socket.socket
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None  # with TLS

    async def __aenter__(self) -> Self:
        self._socket = socket.socket()
        try:
            await self._connect()
        except BaseException:
            self._socket.close()
            raise
        return self

    async def _connect(self) -> None:
        self._socket.setblocking(False)
        if self._receive_buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes)
        if self._send_buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer_bytes)
        await asyncio.get_running_loop().sock_connect(self._socket, ("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._streams = await asyncio.open_connection(sock=self._socket, ssl=self._tls, server_hostname="localhost")

    async def __aexit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """End the connection as a client does that goes without a word."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        else:
            self._socket.close()

    def end_writing(self) -> None:
        """Close one direction alone: nothing more is said, all is still heard."""
        self._socket.shutdown(socket.SHUT_WR)

    async def send(self, *data: bytes, chop: int | None = None) -> None:
        """Write at once, or, with `chop`, so many bytes at a time. Fine if the server has closed meanwhile."""
        # Neither a write that the kernel takes at once nor one that it refuses waits for anything: who does nothing but
        # send would let nobody else run, and never hear that the connection is gone.
        await asyncio.sleep(0)
        whole = b"".join(data)
        with suppress(ConnectionError):
            for start in range(0, len(whole), chop or len(whole) or 1):
                part = whole[start : start + (chop or len(whole))]
                await self._transmit(part)
                self.sent_bytes += len(part)

    def send_nowait(self, data: bytes) -> int:
        """Write what the kernel takes at once, and return how much that is. Raises `ConnectionError`."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def _transmit(self, data: bytes) -> None:
        async with asyncio.timeout(SEND_PATIENCE_SECONDS):
            if self._streams is not None:
                self._streams[1].write(data)
                await self._streams[1].drain()
            else:
                await asyncio.get_running_loop().sock_sendall(self._socket, data)
                await asyncio.sleep(0)

    async def _receive(self) -> bool:
        """Receive more; False at the connection's end."""
        if self._streams is not None:
            data = await self._streams[0].read(2**16)
        else:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 2**16)
        self._buffer += data
        return bool(data)

    async def _exactly(self, count: int) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(self._buffer) < count:
                    if not await self._receive():
                        raise EOFError(f"the server has closed the connection; what it said last: {self._buffer!r}")
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_SECONDS:g} s: {count} bytes, after {self._buffer!r}") from None
        return self._take(count)

    async def _until(self, separator: bytes) -> bytes:
        searched = 0
        while (found := self._buffer.find(separator, max(0, searched - len(separator)))) < 0:
            searched = len(self._buffer)
            self._buffer = bytearray(await self._exactly(searched + 1)) + self._buffer
        return self._take(found + len(separator))[: -len(separator)]

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    # -- HTTP -------------------------------------------------------------------------------------------------------

    async def response(self, method: str = "GET") -> Response:
        """Read one response to a request of that method."""
        head = await self._until(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = status_line.split(" ")
        assert version == "HTTP/1.1", status_line
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon, line
            assert name == name.strip(), line
            assert name.lower() not in {"content-length", "transfer-encoding"} & headers.keys(), f"{name} twice"
            headers[name.lower()] = value.strip()
        body = b"" if method == "HEAD" or int(status) in {100, 101, 204, 304} else await self._body(headers)
        return Response(int(status), headers, body)

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(await self._until(b"\r\n"), 16)
                body += await self._exactly(size)
                assert await self._exactly(2) == b"\r\n"
                if size == 0:
                    return body
        if "content-length" in headers:
            return await self._exactly(int(headers["content-length"]))
        assert headers.get("connection") == "close", f"a body without an end: {headers}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._receive():
                pass
        return self._take(len(self._buffer))

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Response:
        """Send a request and read its response."""
        await self.send(request(method, target, headers, body))
        return await self.response(method)

    # -- websocket --------------------------------------------------------------------------------------------------

    async def upgrade(self, target: str, headers: Mapping[str, str | None] | None = None) -> Response:
        """Send a handshake, and return the response, whose proof has been checked if it agrees."""
        await self.send(upgrade_request(target, headers))
        return await self.upgraded(headers)

    async def upgraded(self, headers: Mapping[str, str | None] | None = None) -> Response:
        """Read the response to a handshake with such headers."""
        response = await self.response()
        if response.status == 101:
            key = (dict(headers or {}).get("Sec-WebSocket-Key") or KEY).encode()
            proof = base64.b64encode(hashlib.sha1(key + ACCEPT_SALT).digest()).decode()
            assert response.headers["sec-websocket-accept"] == proof
            assert response.headers["upgrade"].lower() == "websocket"
            assert response.headers["connection"].lower() == "upgrade"
        return response

    async def frame(self) -> Frame:
        """Read one frame. Raises `EOFError` or `ConnectionError` at the connection's end."""
        first, second = await self._exactly(2)
        assert not second & 0x80, "RFC 6455 section 5.1: a server must not mask"
        assert not first & 0x70, "RFC 6455 section 5.2: no extension was agreed on"
        assert first & 0x80, "Engine.IO: each packet is in its own frame"
        opcode = Opcode(first & 0x0F)
        assert opcode is not Opcode.CONTINUATION
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(await self._exactly(2), "big")
            assert length > 125, "RFC 6455 section 5.2: a length takes as few bytes as it can"
        elif length == 127:
            length = int.from_bytes(await self._exactly(8), "big")
            assert length > 0xFFFF, "RFC 6455 section 5.2: a length takes as few bytes as it can"
        assert length <= READ_MAX_BYTES
        if opcode >= Opcode.CLOSE:
            assert length <= 125, "RFC 6455 section 5.5"
        read = Frame(opcode, await self._exactly(length))
        if opcode is Opcode.TEXT:
            read.payload.decode()
        elif opcode is Opcode.CLOSE and read.payload:
            assert length >= 2, "RFC 6455 section 5.5.1"
            assert read.close_code in SENDABLE_CLOSE_CODES
            read.payload[2:].decode()
        return read

    async def message(self) -> str | bytes:
        """Read one message, text or binary, past websocket pongs."""
        while True:
            read = await self.frame()
            if read.opcode is not Opcode.PONG:
                assert read.opcode in {Opcode.TEXT, Opcode.BINARY}, f"{read}, close code {read.payload[:2].hex()}"
                return read.text if read.opcode is Opcode.TEXT else read.payload

    async def rest(self, *, answers: bool = True) -> list[Frame]:
        """Read all frames until the connection ends: the last is a close frame, and nothing is behind it.

        A close frame is answered, as RFC 6455 section 5.5.1 asks for, unless the server's is the answer already.
        """
        frames = [await self.frame()]
        while frames[-1].opcode is not Opcode.CLOSE:
            frames.append(await self.frame())
        if answers:
            await self.send(frame(Opcode.CLOSE, frames[-1].payload[:2]))
        assert await self.is_at_end(), "RFC 6455 section 5.5.1: after a close frame nothing is sent"
        return frames

    async def closed(self, *, answers: bool = True) -> int:
        """Read until the connection ends, as `rest` does, and return the close frame's code."""
        return (await self.rest(answers=answers))[-1].close_code

    async def is_at_end(self) -> bool:
        """Whether the server closes the connection now, without a word more."""
        assert await self.is_cut(), f"the connection was not closed within {PATIENCE_SECONDS:g} s"
        return not self._buffer

    def forget(self) -> None:
        """Throw away what has been received."""
        self._buffer.clear()

    async def is_cut(self, within_seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether the server closes the connection in that time, whatever it says before."""
        try:
            async with asyncio.timeout(within_seconds):
                while await self._receive():
                    pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True
