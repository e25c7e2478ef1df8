"""The Engine.IO protocol, version 4: what its own test suite asks for, and what its document says beyond that.

Messages are Socket.IO events that the server echoes. The upgrade is in `test_engineio_upgrade`.
"""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from conformance.conftest import ORIGIN, QUICK_PING_INTERVAL_SECONDS, QUICK_PING_TIMEOUT_SECONDS
from conformance.echo_server import EchoServer
from conformance.raw import Response, Wire, request, text, upgrade_request
from conformance.sessions import (
    ECHO,
    ECHOED,
    SEPARATOR,
    Polling,
    answers,
    connect,
    echo_of_bytes,
    event,
    open_polling,
    open_websocket,
    packets_of,
    target,
)
from parts.waiting import eventually

HANDSHAKE_KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
MAX_PAYLOAD_BYTES = 65_536
# What python-engineio's client refuses more of in one payload (`engineio.payload.Payload.max_decode_packets`).
MAX_PACKETS_IN_PAYLOAD = 16

# The JS server's errors: code, message (engine.io's `server.ts`).
UNKNOWN_TRANSPORT = (0, "Transport unknown")
UNKNOWN_SID = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
UNSUPPORTED_VERSION = (5, "Unsupported protocol version")


def refused_with(response: Response) -> tuple[int, str]:
    """Read an error of the JS server's form."""
    assert response.status == 400, response
    assert response.headers["content-type"].startswith("application/json")
    assert response.json.keys() == {"code", "message"}
    return response.json["code"], response.json["message"]


async def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> Response:
    async with Wire(port) as wire:
        return await wire.ask(method, path, headers, body)


async def is_unknown(session: Polling) -> bool:
    """Whether the session has been closed and forgotten."""
    return refused_with(await session.get()) == UNKNOWN_SID


# -- the handshake --------------------------------------------------------------------------------------------------


async def test_a_session_is_opened_by_polling(quick_server: EchoServer) -> None:
    session = await open_polling(quick_server.port)
    assert session.handshake.keys() == HANDSHAKE_KEYS
    assert session.handshake["upgrades"] == ["websocket"]
    assert session.handshake["pingInterval"] == 1_000 * QUICK_PING_INTERVAL_SECONDS
    assert session.handshake["pingTimeout"] == 1_000 * QUICK_PING_TIMEOUT_SECONDS
    assert session.handshake["maxPayload"] == 1_000_000


async def test_a_session_is_opened_by_websocket_alone(port: int) -> None:
    async with Wire(port) as wire:
        assert (await wire.upgrade(target("websocket"))).status == 101
        packet = str(await wire.message())
        assert packet[0] == "0"
        handshake = json.loads(packet[1:])
        assert handshake.keys() == HANDSHAKE_KEYS
        assert handshake["upgrades"] == []
        assert handshake["maxPayload"] == MAX_PAYLOAD_BYTES
        assert handshake["pingInterval"] == 25_000
        await connect(wire)
        assert await answers(wire)


async def test_each_session_has_an_id_of_its_own(port: int) -> None:
    ids = {(await open_polling(port)).sid for _ in range(20)}
    assert len(ids) == 20


async def test_further_parameters_are_ignored(port: int) -> None:
    (packet,) = packets_of(await ask(port, "GET", target("polling", t="abc.0", b64="1", token="x%20y", empty="")))
    assert packet.startswith("0")


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        pytest.param("GET", target("polling", version=None), UNSUPPORTED_VERSION, id="no EIO"),
        pytest.param("GET", target("polling", version="abc"), UNSUPPORTED_VERSION, id="EIO=abc"),
        pytest.param("GET", target("polling", version=""), UNSUPPORTED_VERSION, id="an empty EIO"),
        pytest.param("GET", target("polling", version="3"), UNSUPPORTED_VERSION, id="EIO=3"),
        pytest.param("GET", target("polling", version="5"), UNSUPPORTED_VERSION, id="EIO=5"),
        pytest.param("GET", target("websocket", version="3"), None, id="EIO=3 for a websocket"),
        pytest.param("GET", target(None), UNKNOWN_TRANSPORT, id="no transport"),
        pytest.param("GET", target(""), UNKNOWN_TRANSPORT, id="an empty transport"),
        pytest.param("GET", target("abc"), UNKNOWN_TRANSPORT, id="transport=abc"),
        pytest.param("GET", target("webtransport"), UNKNOWN_TRANSPORT, id="transport=webtransport"),
        pytest.param("GET", target("Polling"), UNKNOWN_TRANSPORT, id="transport=Polling"),
        pytest.param("POST", target("polling"), BAD_METHOD, id="POST"),
        pytest.param("PUT", target("polling"), BAD_METHOD, id="PUT"),
        pytest.param("DELETE", target("polling"), BAD_METHOD, id="DELETE"),
        pytest.param("POST", target("websocket"), BAD_METHOD, id="POST for a websocket"),
        pytest.param("GET", target("websocket"), BAD_REQUEST, id="a websocket without an upgrade"),
        pytest.param("GET", target("polling", "nobody"), UNKNOWN_SID, id="an unknown session"),
        pytest.param("POST", target("polling", "nobody"), UNKNOWN_SID, id="POST to an unknown session"),
        pytest.param("GET", target("polling", "__proto__"), UNKNOWN_SID, id="a session called __proto__"),
        pytest.param("GET", target("polling", "x" * 2_000), UNKNOWN_SID, id="a session with a long name"),
        pytest.param("GET", target("polling", "\N{SNOWMAN}"), UNKNOWN_SID, id="a session with a name beyond ASCII"),
        pytest.param("GET", target("polling", j="0"), None, id="JSONP"),
    ],
)
async def test_a_wrong_request_is_refused_with_400_and_its_reason(
    port: int, method: str, path: str, error: tuple[int, str] | None
) -> None:
    body = "40" if method != "GET" else None
    refused = refused_with(await ask(port, method, path, body=body))
    assert error is None or (refused[0], refused[1][: len(error[1])]) == error


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(target("websocket", version=None), id="no EIO"),
        pytest.param(target("websocket", version="abc"), id="EIO=abc"),
        pytest.param(target("websocket", version="3"), id="EIO=3"),
        pytest.param(target(None), id="no transport"),
        pytest.param(target("abc"), id="transport=abc"),
        pytest.param(target("polling"), id="transport=polling"),
        pytest.param(target("websocket", "nobody"), id="an unknown session"),
        pytest.param(target("websocket", j="0"), id="JSONP"),
    ],
)
async def test_a_wrong_websocket_is_refused(port: int, path: str) -> None:
    async with Wire(port) as wire:
        response = await wire.upgrade(path)
        # A client that asks for polling on a connection which it offers to upgrade may be answered by polling.
        assert response.status == 400 or (response.status == 200 and "transport=polling" in path)


async def test_a_wrong_request_does_not_cost_the_connection(port: int) -> None:
    async with Wire(port) as wire:
        assert (await wire.ask("GET", target("abc"))).status == 400
        assert (await wire.ask("POST", target("polling", "nobody"), body="4hello")).status == 400
        assert packets_of(await wire.ask("GET", target("polling")))[0].startswith("0")


# -- messages by polling --------------------------------------------------------------------------------------------


async def test_a_payload_is_answered_with_ok(port: int) -> None:
    session = await open_polling(port)
    response = await session.post("40")
    assert (response.status, response.text) == (200, "ok")


async def test_a_message_is_sent_and_received(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(ECHO)
    assert await session.poll() == [ECHOED]


async def test_a_poll_waits_for_the_next_message(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with session.pending_get() as poll:
        await session.say(ECHO)
        assert packets_of(await poll.response()) == [ECHOED]


async def test_a_payload_of_several_packets_is_taken_and_answered_in_order(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(*(event("message", number) for number in range(5)))
    assert await session.poll_for(5) == [event("message-back", number) for number in range(5)]


async def test_what_waits_is_sent_together(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(*(event("message", number) for number in range(3)))
    assert len(await session.poll()) == 3


async def test_binary_travels_in_base64(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say('451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA==")
    assert await session.poll_for(2) == ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQIDBA=="]


async def test_text_beyond_ascii_is_counted_in_bytes_and_arrives(port: int) -> None:
    session = await open_polling(port, connected=True)
    said = "κόσμε € \N{GRINNING FACE} \x7f"
    await session.say(event("message", said))
    (packet,) = await session.poll_for(1)
    assert json.loads(packet[2:]) == ["message-back", said]


async def test_a_body_may_be_cut_anywhere(port: int) -> None:
    session = await open_polling(port, connected=True)
    said = "κόσμε € \N{GRINNING FACE}"
    async with Wire(port) as wire:
        await wire.send(request("POST", session.target, body=SEPARATOR.join([ECHO, event("message", said)])), chop=1)
        assert (await wire.response()).status == 200
    echoed, packet = await session.poll_for(2)
    assert echoed == ECHOED
    assert json.loads(packet[2:]) == ["message-back", said]


async def test_a_body_may_come_in_chunks(port: int) -> None:
    """RFC 9112 section 7.1"""
    session = await open_polling(port, connected=True)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (ECHO[:5].encode(), ECHO[5:].encode(), b""))
    async with Wire(port) as wire:
        await wire.send(request("POST", session.target, {"Transfer-Encoding": "chunked"}), chunked)
        assert (await wire.response()).status == 200
    assert await session.poll_for(1) == [ECHOED]


async def test_a_client_that_waits_for_100_continue_gets_it(port: int) -> None:
    """RFC 9110 section 10.1.1"""
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        await wire.send(request("POST", session.target, {"Expect": "100-continue"}, ECHO)[: -len(ECHO)])
        assert (await wire.response()).status == 100
        await wire.send(ECHO.encode())
        assert (await wire.response()).status == 200
    assert await session.poll_for(1) == [ECHOED]


async def test_one_connection_serves_many_requests(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        for number in range(50):
            assert (await wire.ask("POST", session.target, body=event("message", number))).status == 200
            assert packets_of(await wire.ask("GET", session.target)) == [event("message-back", number)]


@pytest.mark.parametrize(("version", "headers"), [("HTTP/1.0", {}), ("HTTP/1.1", {"Connection": "close"})])
async def test_a_client_that_wants_the_connection_closed_gets_its_answer_and_the_end(
    port: int, version: str, headers: dict[str, str]
) -> None:
    async with Wire(port) as wire:
        await wire.send(request("GET", target("polling"), headers, version=version))
        assert packets_of(await wire.response())[0].startswith("0")
        assert await wire.is_at_end()


async def test_at_most_16_packets_are_in_one_response(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(event("burst", 100))
    received: list[str] = []
    while len(received) < 100:
        packets = await session.poll()
        assert len(packets) <= MAX_PACKETS_IN_PAYLOAD
        received += packets
    assert received == [event("burst", number) for number in range(100)]


async def test_a_message_larger_than_a_payload_of_the_client_may_be_is_received(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(event("big", 3 * MAX_PAYLOAD_BYTES))
    (packet,) = await session.poll_for(1)
    assert packet == event("big", "x" * 3 * MAX_PAYLOAD_BYTES)


async def test_a_payload_of_the_largest_size_is_taken(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(echo_of_bytes(MAX_PAYLOAD_BYTES))
    assert len((await session.poll_for(1))[0]) > MAX_PAYLOAD_BYTES


async def test_a_payload_that_is_too_large_is_refused_and_the_session_closed(port: int) -> None:
    session = await open_polling(port, connected=True)
    response = await session.post(echo_of_bytes(MAX_PAYLOAD_BYTES + 1))
    assert response.status in {413, 400}
    assert await is_unknown(session)


async def test_a_payload_that_is_announced_as_too_large_is_refused_before_it_is_sent(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        await wire.send(request("POST", session.target, {"Content-Length": str(1 << 40)}), b"4")
        assert (await wire.response()).status in {413, 400}
    assert await is_unknown(session)


async def test_chunks_without_end_are_refused_when_they_are_too_large(port: int) -> None:
    session = await open_polling(port, connected=True)
    chunk = b"3e8\r\n" + b"4" * 1_000 + b"\r\n"
    async with Wire(port) as wire:
        await wire.send(request("POST", session.target, {"Transfer-Encoding": "chunked"}), chunk * 67)
        assert (await wire.response()).status in {413, 400}
    assert await is_unknown(session)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("abc", id="no packet type"),
        pytest.param("7", id="type 7"),
        pytest.param("9", id="type 9"),
        pytest.param("\N{SNOWMAN}", id="a type beyond ASCII"),
        pytest.param("\N{ARABIC-INDIC DIGIT FOUR}2[]", id="a digit beyond ASCII"),
        pytest.param("", id="nothing"),
        pytest.param(SEPARATOR, id="a separator alone"),
        pytest.param(ECHO + SEPARATOR, id="a separator at the end"),
        pytest.param(SEPARATOR + ECHO, id="a separator at the beginning"),
        pytest.param(ECHO + SEPARATOR + "abc", id="a wrong packet behind a right one"),
        pytest.param("b!!!!", id="not base64"),
        pytest.param("bAQIDBA=", id="base64 cut short"),
        pytest.param("b\N{SNOWMAN}", id="base64 beyond ASCII"),
        pytest.param(b'42["message","\xff"]', id="not UTF-8"),
        pytest.param(b'42["message","\xed\xa0\x80"]', id="a surrogate in UTF-8"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
    ],
)
async def test_a_packet_of_wrong_form_is_refused_with_400_and_the_session_closed(
    port: int, payload: str | bytes
) -> None:
    session = await open_polling(port, connected=True)
    response = await session.post(payload)
    assert response.status == 400
    assert await is_unknown(session)


async def test_a_noop_is_taken_and_does_nothing(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say("6", ECHO, "6")
    assert await session.poll() == [ECHOED]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_refused_and_the_session_goes_on(port: int, method: str) -> None:
    session = await open_polling(port, connected=True)
    response = await ask(port, method, session.target, body="4")
    assert response.status in {400, 405}
    assert await session.answers()


# -- one request at a time ------------------------------------------------------------------------------------------


async def test_two_polls_at_once_close_the_session(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with session.pending_get() as first:
        await _is_pending(session)
        assert (await session.get()).status in {400, 500}
        assert packets_of(await first.response()) == ["1"]
    assert await is_unknown(session)


async def test_two_payloads_at_once_close_the_session(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as first:
        await first.send(request("POST", session.target, body=ECHO)[:-5])
        # The server has seen the first one's head once a request behind it, on another connection, was answered.
        assert (await ask(port, "GET", "/alive")).status == 200
        assert (await session.post(ECHO)).status in {400, 500}
        assert await is_unknown(session)
        # Whatever becomes of the first one, it ends.
        await first.send(ECHO[-5:].encode())
        with contextlib.suppress(EOFError, ConnectionError):
            assert (await first.response()).status in {200, 400}


async def test_a_poll_and_a_payload_at_once_are_no_error(port: int) -> None:
    session = await open_polling(port, connected=True)
    for _ in range(5):
        async with session.pending_get() as poll:
            await _is_pending(session)
            await session.say(ECHO)
            assert packets_of(await poll.response()) == [ECHOED]


async def test_a_poll_that_is_cut_off_does_not_hold_up_the_next(port: int) -> None:
    """The session may be closed (as the JS server does) or go on (as python-engineio's does)."""
    session = await open_polling(port, connected=True)
    async with session.pending_get() as poll:
        await _is_pending(session)
        poll.cut()

    async def is_settled() -> bool:
        response = await session.post(ECHO)
        return response.status == 400 or (await session.get()).status in {200, 400}

    await eventually(is_settled, 5, "the session is closed, or answers")


async def _is_pending(session: Polling) -> None:
    """Wait until the server has surely read what was sent to it before."""
    for _ in range(2):
        assert (await ask(session.port, "GET", "/alive")).status == 200


# -- messages by websocket ------------------------------------------------------------------------------------------


async def test_a_message_is_sent_and_received_by_websocket(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(ECHO))
        assert await wire.message() == ECHOED


@pytest.mark.parametrize(
    "packet", ["abc", "", "7", "9", "\N{SNOWMAN}", "b", "bAQIDBA==", " 4", "\N{ARABIC-INDIC DIGIT FOUR}"]
)
async def test_a_packet_of_wrong_form_closes_the_websocket(port: int, packet: str) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(packet))
        await wire.closed()


async def test_a_noop_and_a_pong_nobody_asked_for_are_taken_by_websocket(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text("6"), text("3"), text("3hello"))
        assert await answers(wire)


async def test_a_separator_is_no_separator_in_a_websocket(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(event("message", "a") + SEPARATOR + event("message", "b")))
        await wire.closed()  # the JSON is followed by something


@pytest.mark.parametrize("packet", ["2", "2hello", "0", "0{}", "5"])
async def test_a_packet_that_only_servers_send_harms_nobody(port: int, packet: str) -> None:
    """The document does not say what becomes of them: ignored, answered, or the end of the session."""
    async with open_websocket(port) as neighbour:
        async with open_websocket(port) as wire:
            await wire.send(text(packet), text(ECHO))
            first = await wire.frame()
            assert first.payload in {ECHOED.encode(), b"3", b"3hello"} or first.close_code
        assert await answers(neighbour)


# -- heartbeat ------------------------------------------------------------------------------------------------------


async def test_a_session_lives_by_pings_and_pongs_by_polling(quick_server: EchoServer) -> None:
    session = await open_polling(quick_server.port, connected=True)
    for _ in range(4):
        assert await session.poll() == ["2"]
        await session.say("3")
    assert await session.answers()


async def test_a_session_that_does_not_pong_is_closed_by_polling(quick_server: EchoServer) -> None:
    session = await open_polling(quick_server.port, connected=True)
    assert await session.poll() == ["2"]
    response = await session.get()
    assert response.status == 400 or response.text in {"1", "6"}
    assert await is_unknown(session)


async def test_a_session_that_never_polls_is_closed(quick_server: EchoServer) -> None:
    session = await open_polling(quick_server.port, connected=True)

    async def is_closed() -> bool:
        return (await session.post("6")).status == 400

    await eventually(is_closed, 3, "the session is closed")
    assert await is_unknown(session)


async def test_a_session_lives_by_pings_and_pongs_by_websocket(quick_server: EchoServer) -> None:
    async with open_websocket(quick_server.port) as wire:
        for _ in range(4):
            assert await wire.message() == "2"
            await wire.send(text("3"))
        assert await answers(wire)


async def test_a_session_that_does_not_pong_is_closed_by_websocket(quick_server: EchoServer) -> None:
    async with open_websocket(quick_server.port) as wire:
        began = asyncio.get_running_loop().time()
        assert await wire.message() == "2"
        await wire.closed()
        waited_seconds = asyncio.get_running_loop().time() - began
        assert waited_seconds > QUICK_PING_TIMEOUT_SECONDS


async def test_a_websockets_own_pong_is_not_engine_ios(quick_server: EchoServer) -> None:
    async with open_websocket(quick_server.port) as wire:
        assert await wire.message() == "2"
        await wire.send(b"\x8a\x80\x00\x00\x00\x00")
        await wire.closed()


# -- close ----------------------------------------------------------------------------------------------------------


async def test_a_client_closes_its_session_by_polling(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with session.pending_get() as poll:
        await _is_pending(session)
        assert (await session.post("1")).status == 200
        assert packets_of(await poll.response()) == ["6"]
    assert await is_unknown(session)
    assert refused_with(await session.post(ECHO)) == UNKNOWN_SID


async def test_a_client_closes_its_session_without_a_poll(port: int) -> None:
    session = await open_polling(port, connected=True)
    assert (await session.post("1")).status == 200
    assert await is_unknown(session)


async def test_what_stands_before_a_close_is_taken_and_what_stands_behind_it_is_not(port: int) -> None:
    """As the reference server does, which handles each packet before it looks at the next."""
    async with open_websocket(port) as listener:
        await listener.send(text(event("join", "room", ack=1)))
        assert str(await listener.message()).startswith("431")
        session = await open_polling(port, connected=True)
        payload = SEPARATOR.join([event("publish", "room", 1, 1), "1", event("publish", "room", 1, 2)])
        await session.post(payload)
        assert await listener.message() == event("published", 0, "x")
        assert await answers(listener)
    assert await is_unknown(session)


async def test_a_client_closes_its_session_by_websocket(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text("1"))
        await wire.closed()


# -- whence a browser comes (Origin, CORS) --------------------------------------------------------------------------


async def test_a_request_without_an_origin_is_served_without_cors_headers(port: int) -> None:
    response = await ask(port, "GET", target("polling"))
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://127.0.0.1"}, id="the same origin"),
        pytest.param({"Origin": "http://pod.test:3009", "Host": "pod.test:3009"}, id="the same origin with a port"),
        pytest.param(
            {"Origin": "https://pod.test", "Host": "pod.test", "X-Forwarded-Proto": "https"},
            id="the same origin behind a proxy with TLS",
        ),
    ],
)
async def test_the_same_origin_is_allowed_where_none_is_named(port: int, headers: dict[str, str]) -> None:
    await is_allowed(port, headers)


async def test_an_origin_that_is_named_is_allowed(quick_server: EchoServer) -> None:
    await is_allowed(quick_server.port, {"Origin": ORIGIN})


async def test_any_origin_is_allowed_with_an_asterisk(tmp_path: Path) -> None:
    """Fetch standard, "CORS check": with credentials, to answer with an asterisk allows nobody."""
    server = EchoServer(tmp_path, http={"cors_origins": ["*"]})
    await server.start()
    await is_allowed(server.port, {"Origin": "https://anywhere.example"})
    await is_allowed(server.port, {"Origin": "null"})
    await server.kill()


async def is_allowed(port: int, headers: dict[str, str]) -> None:
    """All requests of such a browser are served, and it is told that it may read the answers."""
    async with Wire(port) as wire:
        response = await wire.ask("GET", target("polling"), headers)
        session = Polling(port, json.loads(packets_of(response)[0][1:])["sid"], {})
        posted = await wire.ask("POST", session.target, headers, "40")
        polled = await wire.ask("GET", session.target, headers)
        assert (posted.status, polled.status) == (200, 200)
        for answered in (response, posted, polled):
            assert answered.headers["access-control-allow-origin"] == headers["Origin"]
            assert answered.headers["access-control-allow-credentials"] == "true"
    async with Wire(port) as wire:
        assert (await wire.upgrade(target("websocket"), headers)).status == 101


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evil-shop.example",
        "null",
    ],
)
@pytest.mark.parametrize("which", ["server", "quick_server"])
async def test_a_foreign_origin_is_refused(request: pytest.FixtureRequest, which: str, origin: str) -> None:
    port = request.getfixturevalue(which).port
    headers = {"Origin": origin}
    response = await ask(port, "GET", target("polling"), headers)
    assert response.status in {400, 403}
    assert response.headers.get("access-control-allow-origin") not in {origin, "*"}
    async with Wire(port) as wire:
        assert (await wire.upgrade(target("websocket"), headers)).status in {400, 403}
    preflight = await ask(port, "OPTIONS", target("polling"), headers | {"Access-Control-Request-Method": "POST"})
    assert preflight.headers.get("access-control-allow-origin") not in {origin, "*"}


async def test_a_foreign_origin_cannot_use_the_session_of_another(port: int) -> None:
    session = await open_polling(port, connected=True)
    headers = {"Origin": "https://evil.example"}
    assert (await session.post(ECHO, headers)).status in {400, 403}
    assert (await ask(port, "GET", session.target, headers)).status in {400, 403}
    async with Wire(port) as wire:
        assert (await wire.upgrade(target("websocket", session.sid), headers)).status in {400, 403}
    assert await session.answers()


@pytest.mark.parametrize("sid", [None, "nobody"])
async def test_a_preflight_is_answered(quick_server: EchoServer, sid: str | None) -> None:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-custom",
    }
    response = await ask(quick_server.port, "OPTIONS", target("polling", sid), headers)
    assert response.status in {200, 204}
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    methods = response.headers["access-control-allow-methods"].replace(" ", "").split(",")
    assert {"GET", "POST"} <= set(methods)
    allowed = response.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert {"content-type", "x-custom"} <= set(allowed)


async def test_an_error_is_readable_for_an_allowed_origin(quick_server: EchoServer) -> None:
    response = await ask(quick_server.port, "GET", target("polling", "nobody"), {"Origin": ORIGIN})
    assert refused_with(response) == UNKNOWN_SID
    assert response.headers["access-control-allow-origin"] == ORIGIN


# -- beside Engine.IO -----------------------------------------------------------------------------------------------


async def test_other_paths_are_not_engine_ios(port: int) -> None:
    for path in ("/", "/alive", "/socket.iox", "/engine.io/?EIO=4&transport=polling"):
        assert "transport" not in (await ask(port, "GET", path)).text or path.startswith("/engine.io")
    async with Wire(port) as wire:
        await wire.send(upgrade_request("/alive"))
        assert (await wire.response()).status != 101


# -- the end of the server ------------------------------------------------------------------------------------------


async def test_a_server_that_ends_says_goodbye(tmp_path: Path) -> None:
    server = EchoServer(tmp_path)
    await server.start()
    session = await open_polling(server.port, connected=True)
    probed = await open_polling(server.port, connected=True)
    async with (
        open_websocket(server.port) as wire,
        session.pending_get() as poll,
        Wire(server.port) as idle,
        Wire(server.port) as probe,
    ):
        assert (await probe.upgrade(target("websocket", probed.sid))).status == 101
        await _is_pending(session)
        ended = asyncio.create_task(server.stop())
        # RFC 6455 section 7.4.1 and IANA's registry: going away, or service restart.
        assert await wire.closed() in {1001, 1012}
        assert await probe.closed() in {1001, 1012}
        response = await poll.response()
        assert response.status in {400, 503} or set(packets_of(response)) <= {"1", "6"}
        assert await idle.is_cut()
        assert await ended == 0
