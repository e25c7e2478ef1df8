"""Engine.IO 4 over gevent's sockets, as little of it as a load needs: a websocket, and polling.

A link is one greenlet's: who waits in `receive` is the one who sends.
"""

import base64
import http.client
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from swarm.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, frame_of, take_frame

PATH: Final = "/socket.io/?EIO=4&transport="
CONNECT_SECONDS: Final = 15.0
POLL_SECONDS: Final = 60.0
HEAD_MAX_BYTES: Final = 16_384
RECEIVE_BYTES: Final = 65_536


class LinkLost(Exception):
    """There is no connection, or no more."""


class TurnedAway(LinkLost):
    """The server has too many that come at this moment, or leaves: 503."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("503: come again later")
        self.retry_after_seconds = retry_after_seconds


class Link(Protocol):
    """One connection. Each method raises `LinkLost`; `receive` raises `TimeoutError` when nothing came for so long."""

    def open(self) -> None: ...
    def send(self, packet: str) -> None: ...
    def receive(self, timeout_seconds: float) -> str: ...
    def close(self) -> None: ...


class WebsocketLink:
    """RFC 6455, without extensions."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._message = b""  # of a message in fragments: what came before

    def open(self) -> None:
        self._socket = connected = _connect(self._url)
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {PATH}websocket HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        try:
            connected.sendall(head.encode())
            while b"\r\n\r\n" not in self._received:
                if len(self._received) > HEAD_MAX_BYTES:
                    raise LinkLost("an endless answer")
                self._fill()
        except OSError as error:
            raise LinkLost(f"{error or type(error).__name__}") from None
        answer, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received[:] = rest
        status, *lines = answer.decode(errors="replace").split("\r\n")
        if " 101 " not in f"{status} ":
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self.close()
            _refuse(int([*status.split(), "0", "0"][1]), headers, rest.decode(errors="replace"))

    def send(self, packet: str) -> None:
        self._write(TEXT, packet.encode())

    def receive(self, timeout_seconds: float) -> str:
        if self._socket is None:
            raise LinkLost("closed")
        self._socket.settimeout(timeout_seconds)
        try:
            while True:
                while (frame := take_frame(self._received)) is None:
                    self._fill()
                is_last, kind, payload = frame
                if kind == PING:
                    self._write(PONG, payload)
                elif kind == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                    raise LinkLost(f"closed with {code} {payload[2:].decode(errors='replace')}".rstrip())
                elif kind in {TEXT, CONTINUATION}:
                    self._message += payload
                    if is_last:
                        message, self._message = self._message, b""
                        return message.decode()
        except TimeoutError:
            raise
        except OSError as error:
            raise LinkLost(f"{error or type(error).__name__}") from None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _fill(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise LinkLost("closed without a word")
        self._received += data

    def _write(self, kind: int, payload: bytes) -> None:
        if self._socket is None:
            raise LinkLost("closed")
        try:
            self._socket.sendall(frame_of(kind, payload))
        except OSError as error:
            raise LinkLost(f"{error or type(error).__name__}") from None


class PollingLink:
    """One GET after the other, and a POST for each packet. A load balancer's cookies are kept, as browsers do.

    A GET that was given up might have held messages: it is awaited for as long as a poll may last.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._sid = ""
        self._cookies: dict[str, str] = {}
        self._packets: deque[str] = deque()
        self._gets, self._posts = self._connection(), self._connection()

    def open(self) -> None:
        self._packets.extend(self._ask(self._gets, "GET", None, CONNECT_SECONDS).split("\x1e"))

    def send(self, packet: str) -> None:
        self._ask(self._posts, "POST", packet, CONNECT_SECONDS)

    def receive(self, timeout_seconds: float) -> str:
        while not self._packets:
            self._packets.extend(
                filter(None, self._ask(self._gets, "GET", None, max(timeout_seconds, POLL_SECONDS)).split("\x1e"))
            )
        packet = self._packets.popleft()
        if packet.startswith("0"):
            self._sid = packet.partition('"sid":"')[2].partition('"')[0]
        if packet == "1":
            raise LinkLost("closed by the server")
        return packet

    def close(self) -> None:
        self._gets.close()
        self._posts.close()

    def _connection(self) -> http.client.HTTPConnection:
        is_secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        return kind(self._url.hostname or "", self._url.port, timeout=CONNECT_SECONDS)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, body: str | None, timeout_seconds: float
    ) -> str:
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())} if self._cookies else {}
        )
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        try:
            if connection.sock is not None:
                connection.sock.settimeout(timeout_seconds)
            path = f"{PATH}polling" + (f"&sid={self._sid}" if self._sid else "")
            connection.request(method, path, None if body is None else body.encode(), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise LinkLost(f"{error or type(error).__name__}") from None
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name.strip()] = value
        if answer.status != 200:
            _refuse(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        return text


LINKS: Final[Mapping[str, type[WebsocketLink] | type[PollingLink]]] = {
    "websocket": WebsocketLink,
    "polling": PollingLink,
}


def _connect(url: SplitResult) -> socket.socket:
    host, is_secure = url.hostname or "", url.scheme == "https"
    try:
        plain = socket.create_connection((host, url.port or (443 if is_secure else 80)), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else plain
    except OSError as error:
        raise LinkLost(f"{error or type(error).__name__}") from None


def _refuse(status: int, headers: Mapping[str, str], body: str) -> None:
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        after = headers.get("retry-after", "")
        raise TurnedAway(float(after) if after.isdigit() else 1.0)
    raise LinkLost(f"HTTP {status} {body[:200]}".rstrip())
