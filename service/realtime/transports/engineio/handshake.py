"""What a request must have before it becomes a connection, or part of one."""

import base64
import binascii
import hashlib
import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

# RFC 6455 section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
POLLING: Final = "polling"
WEBSOCKET: Final = "websocket"

Headers = Mapping[bytes, bytes]
# RFC 6455 sections 11.3.1 and 11.3.5, RFC 7230 section 5.4.
_ONCE: Final = frozenset({b"sec-websocket-key", b"sec-websocket-version", b"host"})


class Problem(Enum):
    """Why a request is refused: status, and Engine.IO's own code and message for it, as Node's server gives them."""

    UNKNOWN_TRANSPORT = (400, 0, "Transport unknown")
    UNKNOWN_SID = (400, 1, "Session ID unknown")
    BAD_HANDSHAKE_METHOD = (400, 2, "Bad handshake method")
    BAD_REQUEST = (400, 3, "Bad request")
    FORBIDDEN = (403, 4, "Forbidden")
    UNSUPPORTED_PROTOCOL_VERSION = (400, 5, "Unsupported protocol version")
    # Ours.
    HEAD_TOO_LARGE = (431, 3, "Request head too large")
    TOO_MANY_AT_ONCE = (400, 3, "Too many requests at once on one connection")
    TOO_LARGE = (413, 3, "Payload too large")
    TOO_SLOW = (408, 3, "The request took too long")
    BAD_WEBSOCKET_VERSION = (426, 3, "Only version 13 of the websocket protocol is spoken here")
    TOO_MANY_HANDSHAKES = (503, 3, "Too many come at this moment; come back")
    FULL = (503, 3, "This server holds as many connections as it may; come back")
    DRAINING = (503, 3, "This server is leaving; come back to another one")


# Seconds after which a client that was turned away may come back: not all at once.
COME_BACK_SECONDS: Final = (1, 5)


class Refused(Exception):
    """A request that is not served; `details` go behind the message."""

    def __init__(self, problem: Problem, details: str = "") -> None:
        self.status, self.code, message = problem.value
        self.problem = problem
        super().__init__(f"{message}: {details}" if details else message)

    def body(self) -> bytes:
        """What the client is told."""
        return orjson.dumps({"code": self.code, "message": str(self)})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the status asks for beside the body."""
        if self.problem is Problem.BAD_WEBSOCKET_VERSION:
            return [(b"sec-websocket-version", b"13")]  # RFC 6455 section 4.4
        if self.status == 503:
            return [(b"retry-after", b"%d" % random.randint(*COME_BACK_SECONDS))]  # noqa: S311 - jitter, not a secret
        return []


@dataclass(frozen=True, slots=True)
class Query:
    """What a request says in its query."""

    transport: str
    sid: str | None
    protocol_version: str | None
    is_jsonp: bool


def read_query(query_string: bytes) -> Query:
    """Read a query; whatever else is in it is the application's."""
    query = parse_qs(query_string.decode("latin-1"))
    return Query(
        transport=query.get("transport", [""])[0],
        sid=query.get("sid", [None])[0],
        protocol_version=query.get("EIO", [None])[0],
        is_jsonp="j" in query,
    )


def check_query(query: Query, method: str, transports: Collection[str]) -> None:
    """Raises `Refused` for what no session can come of; `transports` are those that are served."""
    if query.transport not in {POLLING, WEBSOCKET}:
        raise Refused(Problem.UNKNOWN_TRANSPORT)
    if query.transport not in transports:
        raise Refused(Problem.UNKNOWN_TRANSPORT, f"only {', '.join(transports)} is served here")
    if query.is_jsonp:
        raise Refused(Problem.BAD_REQUEST, "JSONP is not served here")
    if query.sid is None:
        if query.protocol_version != "4":
            raise Refused(Problem.UNSUPPORTED_PROTOCOL_VERSION)
        if method != "GET":
            raise Refused(Problem.BAD_HANDSHAKE_METHOD)


def check_origin(headers: Headers, scheme: str, allowed: Collection[str]) -> None:
    """Raises `Refused` for a browser's page of a foreign origin; `allowed` empty means the same origin alone."""
    origin = headers.get(b"origin")
    if origin is None or "*" in allowed:
        return
    if origin.decode("latin-1") not in (allowed or _own_origins(headers, scheme)):
        raise Refused(Problem.FORBIDDEN, "this origin is not allowed")


def _own_origins(headers: Headers, scheme: str) -> set[str]:
    host = headers.get(b"host", b"").decode("latin-1")
    # What a proxy says that the browser asked for; a page cannot set these.
    forwarded_scheme = headers.get(b"x-forwarded-proto", scheme.encode()).decode("latin-1").split(",")[0].strip()
    forwarded_host = headers.get(b"x-forwarded-host", host.encode("latin-1")).decode("latin-1").split(",")[0].strip()
    return {f"{scheme}://{host}", f"{forwarded_scheme}://{forwarded_host}"}


def cors_headers(headers: Headers, method: str) -> list[tuple[bytes, bytes]]:
    """What a browser asks for before a page of an allowed origin may read an answer."""
    origin = headers.get(b"origin")
    if origin is None:
        return []
    answer = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"origin"),
    ]
    if method == "OPTIONS":
        answer.append((b"access-control-allow-methods", b"OPTIONS, GET, POST"))
        if asked := headers.get(b"access-control-request-headers"):
            answer.append((b"access-control-allow-headers", asked))
    return answer


def accept_websocket(lines: Iterable[tuple[bytes, bytes]], method: str, http_version: str) -> bytes:
    """The answer to a websocket's opening handshake (RFC 6455 section 4.2). Raises `Refused`.

    Extensions and subprotocols that are offered are not taken up, which section 4.2.2 leaves to the server.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in lines:
        if name in headers and name in _ONCE:
            raise Refused(Problem.BAD_REQUEST, f"{name.decode()} is there more than once")
        headers[name] = value
    if method != "GET" or http_version != "1.1":
        raise Refused(Problem.BAD_REQUEST, "a websocket begins with GET and HTTP/1.1")
    if b"host" not in headers:
        raise Refused(Problem.BAD_REQUEST, "Host is missing")
    if headers.get(b"sec-websocket-version", b"").strip() != b"13":
        raise Refused(Problem.BAD_WEBSOCKET_VERSION)
    key = headers.get(b"sec-websocket-key", b"").strip()
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16:
        raise Refused(Problem.BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in Base64")
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def environ_of(scope: Mapping[str, Any], path: str, query_string: bytes) -> dict[str, Any]:
    """A request as WSGI has it, which is what python-socketio's `connect` handlers are given."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": path,
        "QUERY_STRING": query_string.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope["client"] or ("",))[0],
        "wsgi.url_scheme": scope["scheme"],
        "asgi.scope": scope,
    }
    values: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        values.setdefault(key, []).append(value.decode("latin-1"))
    environ.update((key, ",".join(texts)) for key, texts in values.items())
    return environ
