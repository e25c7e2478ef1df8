"""What the proxy reads off a request's head, and what it sends on."""

import pytest

from realtime.demo.request_head import BadRequestHead, RequestHead

SID = "3kQ0vUmX9aYtW2fZ.b7Hq1xYc"
POLL = (
    f"GET /socket.io/?EIO=4&transport=polling&t=abc&sid={SID} HTTP/1.1\r\n"
    "Host: 127.0.0.1:3000\r\n"
    "Connection: keep-alive\r\n"
    "Keep-Alive: timeout=5\r\n"
    "Accept: */*\r\n"
    "\r\n"
).encode()
UPGRADE = (
    f"GET /socket.io/?EIO=4&transport=websocket&sid={SID} HTTP/1.1\r\n"
    "Host: 127.0.0.1:3000\r\n"
    "connection: keep-alive, Upgrade\r\n"
    "upgrade: WebSocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "\r\n"
).encode()


def head(*headers: str, target: str = "/") -> RequestHead:
    return RequestHead.parse("\r\n".join([f"GET {target} HTTP/1.1", *headers, "", ""]).encode())


def lines(raw: bytes) -> list[bytes]:
    return raw.split(b"\r\n")


def test_a_session_is_read_from_the_query() -> None:
    assert RequestHead.parse(POLL).session_id == SID
    assert head(target="/socket.io/?EIO=4&transport=polling").session_id is None
    assert head(target="/socket.io/?sid=").session_id is None
    assert head(target="/sid=no").session_id is None


def test_a_session_that_is_written_in_percent_signs_is_the_same() -> None:
    assert head(target="/socket.io/?sid=ab%2Ecd").session_id == "ab.cd"


def test_the_path_stands_without_the_query() -> None:
    assert RequestHead.parse(POLL).path == "/socket.io/"
    assert head(target="/api/docs").path == "/api/docs"
    assert head(target="/?next=/socket.io/").path == "/"


def test_a_plain_request_is_sent_on_as_the_only_one_of_its_connection() -> None:
    sent = lines(RequestHead.parse(POLL).to_upstream())
    assert sent[0] == lines(POLL)[0]
    assert sent[-2:] == [b"", b""]
    assert set(sent[1:-2]) == {b"Host: 127.0.0.1:3000", b"Accept: */*", b"Connection: close"}


def test_an_upgrade_is_sent_on_as_an_upgrade() -> None:
    read = RequestHead.parse(UPGRADE)
    assert read.is_websocket
    sent = lines(read.to_upstream())
    assert b"Connection: Upgrade" in sent
    assert b"Upgrade: websocket" in sent
    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" in sent
    assert b"Connection: close" not in sent


@pytest.mark.parametrize(
    "headers",
    [
        ("Upgrade: websocket",),
        ("Connection: Upgrade",),
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
        ("Connection: keep-alive", "Upgrade: websocket"),
    ],
)
def test_what_is_no_websocket_is_not_sent_on_as_an_upgrade(headers: tuple[str, ...]) -> None:
    read = head("Host: x", *headers)
    assert not read.is_websocket
    assert lines(read.to_upstream())[1:-2] == [b"Host: x", b"Connection: close"]


def test_headers_keep_their_order_their_repetitions_and_their_bytes() -> None:
    raw = b"POST /a HTTP/1.1\r\nCookie: a=1\r\nX-Name: J\xfcrgen\r\nCookie: b=2\r\nContent-Length:3\r\n\r\n"
    assert lines(RequestHead.parse(raw).to_upstream())[1:-2] == [
        b"Cookie: a=1",
        b"X-Name: J\xfcrgen",
        b"Cookie: b=2",
        b"Content-Length: 3",
        b"Connection: close",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nSpace : before the colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nFolded: one\r\n two\r\n\r\n",
        b"GET / HTTP/1.1\r\nSmuggled: one\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n",
    ],
)
def test_what_is_no_request_head_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequestHead):
        RequestHead.parse(raw)
