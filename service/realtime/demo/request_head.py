"""What a proxy must know of an HTTP/1.1 request: where it goes, and whose session it belongs to. Pure.

RFC 9112 for the form, RFC 9110 section 7.6.1 for what a proxy takes out, and section 7.8 for upgrades.
"""

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qs

_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.[01]")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")

# They concern one connection; behind the proxy there is another one.
HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"http2-settings"})


class BadRequestHead(Exception):
    """This is not the beginning of an HTTP/1.1 request."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The request line and the headers."""

    request_line: bytes
    target: str
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a head, up to and with its empty line. Raises `BadRequestHead`."""
        request_line, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        matched = _REQUEST_LINE.fullmatch(request_line)
        if matched is None:
            raise BadRequestHead("no HTTP/1.1 request line")
        headers = [_HEADER.fullmatch(line) for line in lines]
        if not all(headers):
            raise BadRequestHead("a header line has no name")
        return cls(request_line, matched[2].decode("ascii"), tuple((h[1], h[2]) for h in headers if h))

    @property
    def path(self) -> str:
        """The target's path."""
        return self.target.partition("?")[0]

    @property
    def session_id(self) -> str | None:
        """Engine.IO's `sid`; a client without one is about to get one."""
        sids = parse_qs(self.target.partition("?")[2]).get("sid")
        return sids[0] if sids else None

    @property
    def is_websocket(self) -> bool:
        """Whether the connection is to become a websocket."""
        return b"upgrade" in self._tokens(b"connection") and b"websocket" in self._tokens(b"upgrade")

    def to_upstream(self) -> bytes:
        """The head as the next server gets it: one request per connection, unless it becomes a websocket."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in HOP_BY_HOP]
        if self.is_websocket:
            kept += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        else:
            kept += [(b"Connection", b"close")]
        return b"\r\n".join([self.request_line, *(b"%b: %b" % header for header in kept), b"", b""])

    def _tokens(self, wanted: bytes) -> set[bytes]:
        values = (value for name, value in self.headers if name.lower() == wanted)
        return {token.strip().lower() for value in values for token in value.split(b",")}
