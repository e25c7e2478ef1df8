"""RFC 6455, rule by rule: what a websocket's peer may send, and what becomes of everything else.

After the Autobahn test suite's cases (named in brackets where there is one). An id names the section and the rule.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from conformance.raw import KEY, NO_CODE, Opcode, Wire, binary, close, frame, masked_payload, text, upgrade_request
from conformance.sessions import ECHO, ECHOED, answers, connect, echo_of_bytes, event, open_websocket, target
from parts.waiting import eventually

# Settings' default of `sockets.message_max_bytes`: the payload of a text message, Engine.IO's "4" included.
MESSAGE_MAX_BYTES = 65_536
WEBSOCKET = target("websocket")

PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009
# How long a server may wait for a client that does not say goodbye.
GOODBYE_SECONDS = 12.0


def cases(table: dict[str, Any]) -> pytest.MarkDecorator:
    """Parametrise by a table of id -> case; several arguments are a tuple."""
    rows = [value if isinstance(value, tuple) else (value,) for value in table.values()]
    names = ",".join(["case", "expected", "more"][: len(rows[0])])
    return pytest.mark.parametrize(names, [pytest.param(*row, id=name) for name, row in zip(table, rows, strict=True)])


# -- section 4: the handshake ---------------------------------------------------------------------------------------


@cases(
    {
        "4.2.1 names and tokens in any case": {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"},
        "4.2.1 upgrade among other protocols": {"Upgrade": "h2c, websocket"},
        "4.2.1 headers that the server does not know": {"X-Unheard-Of": "1", "Cookie": "a=b", "User-Agent": "x"},
        "4.2.2 an extension is offered and declined": {
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"
        },
        "4.2.2 a subprotocol is offered and declined": {"Sec-WebSocket-Protocol": "chat, superchat"},
        "4.2.2 another key": {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    }
)
async def test_a_handshake_is_accepted(port: int, case: dict[str, str]) -> None:
    async with Wire(port) as wire:
        response = await wire.upgrade(WEBSOCKET, case)
        assert response.status == 101
        assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & response.headers.keys()
        assert str(await wire.message()).startswith("0")
        await connect(wire)
        assert await answers(wire)


@cases(
    {
        "4.2.1 item 1: not HTTP/1.0": (upgrade_request(WEBSOCKET, version="HTTP/1.0"), 400),
        "4.1 item 2: not POST": (upgrade_request(WEBSOCKET, {"Content-Length": "0"}, method="POST"), 400),
        "4.2.1 item 2: no Host": (upgrade_request(WEBSOCKET, {"Host": None}), 400),
        "4.2.1 item 3: no Upgrade": (upgrade_request(WEBSOCKET, {"Upgrade": None}), 400),
        "4.2.1 item 3: another Upgrade": (upgrade_request(WEBSOCKET, {"Upgrade": "h2c"}), 400),
        "4.2.1 item 4: no Connection": (upgrade_request(WEBSOCKET, {"Connection": None}), 400),
        "4.2.1 item 4: another Connection": (upgrade_request(WEBSOCKET, {"Connection": "keep-alive"}), 400),
        "4.2.1 item 5: no key": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Key": None}), 400),
        "4.2.1 item 5: an empty key": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Key": ""}), 400),
        "4.2.1 item 5: a key of 15 bytes": (
            upgrade_request(WEBSOCKET, {"Sec-WebSocket-Key": "MTIzNDU2Nzg5MDEyMzQ1"}),
            400,
        ),
        "4.2.1 item 5: a key that is not base64": (
            upgrade_request(WEBSOCKET, {"Sec-WebSocket-Key": "!" + KEY[1:]}),
            400,
        ),
        "11.3.1: two keys": (
            upgrade_request(WEBSOCKET, {"Sec-WebSocket-Key": f"{KEY}\r\nSec-WebSocket-Key: {KEY}"}),
            400,
        ),
        "4.4: no version": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Version": None}), 426),
        "4.4: version 12": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Version": "12"}), 426),
        "4.4: version 14": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Version": "14"}), 426),
        "4.4: version 013": (upgrade_request(WEBSOCKET, {"Sec-WebSocket-Version": "013"}), 426),
    }
)
async def test_a_handshake_is_refused(port: int, case: bytes, expected: int) -> None:
    async with Wire(port) as wire:
        await wire.send(case)
        response = await wire.response()
        assert response.status == expected or (expected == 400 and response.status == 405), response
        if expected == 426:
            assert response.headers["sec-websocket-version"] == "13"


async def test_what_comes_with_the_handshake_in_one_segment_is_read(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(upgrade_request(WEBSOCKET), text("40"), frame(Opcode.PING, b"early"), text(ECHO))
        assert (await wire.upgraded()).status == 101
        heard = [await wire.frame() for _ in range(5)]
        assert [said.payload for said in heard if said.opcode is Opcode.PONG] == [b"early"]
        said = [said.text for said in heard if said.opcode is Opcode.TEXT]
        assert said[0].startswith("0")
        assert said[1].startswith('40{"sid"')
        assert said[2:] == ['42["auth",{}]', ECHOED]


async def test_a_handshake_may_come_byte_by_byte(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(upgrade_request(WEBSOCKET), text("40"), text(ECHO), chop=1)
        assert (await wire.upgraded()).status == 101
        assert [await wire.message() for _ in range(4)][3] == ECHOED


async def test_a_connection_may_be_upgraded_after_it_was_used_for_requests(port: int) -> None:
    async with Wire(port) as wire:
        assert (await wire.ask("GET", "/alive")).status == 200
        assert (await wire.ask("POST", "/alive", body="x")).text == "x"
        assert (await wire.upgrade(WEBSOCKET)).status == 101
        assert str(await wire.message()).startswith("0")
        await connect(wire)
        assert await answers(wire)


# -- sections 5.2 to 5.6: data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chop", [None, 1, 997], ids=["at once", "byte by byte", "in chunks of 997"])
@pytest.mark.parametrize("length", [24, 125, 126, 127, 128, 4_095, 65_535, MESSAGE_MAX_BYTES])
async def test_5_2_a_text_of_any_allowed_length_arrives(port: int, length: int, chop: int | None) -> None:
    """[1.1.1 to 1.1.8] Both of the boundaries at which a length takes another form."""
    if chop == 1 and length > 5_000:
        chop = 13
    async with open_websocket(port) as wire:
        packet = echo_of_bytes(length)
        assert len(packet) == length
        await wire.send(text(packet), chop=chop)
        assert json.loads(str(await wire.message())[2:])[1] == json.loads(packet[2:])[1]


@pytest.mark.parametrize("chop", [None, 997], ids=["at once", "in chunks of 997"])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65_535, MESSAGE_MAX_BYTES])
async def test_5_2_binary_of_any_allowed_length_arrives(port: int, length: int, chop: int | None) -> None:
    """[1.2.1 to 1.2.8]"""
    attachment = bytes(number % 251 for number in range(length))
    async with open_websocket(port) as wire:
        await wire.send(text('451-["message",{"_placeholder":true,"num":0}]'), binary(attachment), chop=chop)
        assert await wire.message() == '451-["message-back",{"_placeholder":true,"num":0}]'
        assert await wire.message() == attachment


@cases(
    {
        "5.2 seven bits where seven do": text(ECHO, length_bits=7),
        "5.3 a mask of zeros": text(ECHO, mask=bytes(4)),
        "5.3 a mask of ones": text(ECHO, mask=b"\xff\xff\xff\xff"),
        "5.4 [5.3] two fragments": text(ECHO[:7], fin=False) + frame(0, ECHO[7:]),
        "5.4 the last fragment is empty": text(ECHO, fin=False) + frame(0),
        "5.4 the first fragment is empty": text("", fin=False) + frame(0, ECHO),
        "5.4 all bytes on their own": text(ECHO[0], fin=False)
        + b"".join(frame(0, byte, fin=False) for byte in ECHO[1:])
        + frame(0),
        "5.4 each fragment has its own mask": text(ECHO[:7], fin=False, mask=b"abcd")
        + frame(0, ECHO[7:], mask=b"efgh"),
        "5.4 a thousand empty fragments": text(ECHO[:7], fin=False) + frame(0, fin=False) * 1_000 + frame(0, ECHO[7:]),
        "5.5.3 an unasked pong is ignored [2.7]": frame(Opcode.PONG) + text(ECHO),
        "5.5.3 an unasked pong with a payload is ignored [2.8]": frame(Opcode.PONG, b"unasked \xff") + text(ECHO),
        "5.5.3 a pong between fragments": text(ECHO[:7], fin=False) + frame(Opcode.PONG) + frame(0, ECHO[7:]),
    }
)
@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
async def test_a_message_arrives(port: int, case: bytes, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(case, chop=chop)
        assert await wire.message() == ECHOED
        assert await answers(wire)


async def test_5_4_binary_may_be_fragmented(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text('451-["message",{"_placeholder":true,"num":0}]'))
        await wire.send(binary(b"\xff\xfe", fin=False), frame(0, b"\x00", fin=False), frame(0, b"\x80"))
        await wire.message()
        assert await wire.message() == b"\xff\xfe\x00\x80"


async def test_5_4_a_message_of_65536_bytes_in_fragments_of_1300_arrives(port: int) -> None:
    """[10.1.1]"""
    packet = echo_of_bytes(65_536)
    pieces = [packet[start : start + 1_300] for start in range(0, len(packet), 1_300)]
    async with open_websocket(port) as wire:
        await wire.send(text(pieces[0], fin=False), *(frame(0, piece, fin=False) for piece in pieces[1:-1]))
        await wire.send(frame(0, pieces[-1]))
        assert str(await wire.message()).startswith('42["message-back","xxx')


@pytest.mark.parametrize("chop", [None, 1, 7], ids=["in one segment", "byte by byte", "in chunks of 7"])
async def test_many_frames_are_all_read_in_order(port: int, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(*(text(event("message", number)) for number in range(300)), chop=chop)
        assert [await wire.message() for _ in range(300)] == [event("message-back", number) for number in range(300)]


# -- section 5.5: control frames ----------------------------------------------------------------------------------


@cases(
    {
        "empty [2.1]": b"",
        "text [2.2]": b"hello",
        "not UTF-8 [2.3]": b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff",
        "125 bytes [2.4]": b"\xfe" * 125,
    }
)
@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte [2.6]"])
async def test_5_5_2_a_ping_is_answered_with_its_payload(port: int, case: bytes, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(frame(Opcode.PING, case), chop=chop)
        answer = await wire.frame()
        assert (answer.opcode, answer.payload) == (Opcode.PONG, case)


@pytest.mark.parametrize("chop", [None, 1], ids=["at once [2.10]", "byte by byte [2.11]"])
async def test_5_5_3_the_latest_ping_is_answered_and_earlier_ones_in_order(port: int, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(*(frame(Opcode.PING, b"%d" % number) for number in range(10)), chop=chop)
        pongs = [-1]
        while pongs[-1] != 9:
            pong = await wire.frame()
            assert pong.opcode is Opcode.PONG
            pongs.append(int(pong.payload))
        assert pongs == sorted(set(pongs))


@pytest.mark.parametrize("chop", [None, 1], ids=["at once [5.6]", "byte by byte [5.8]"])
async def test_5_4_a_ping_between_fragments_is_answered_at_once(port: int, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(ECHO[:7], fin=False), frame(Opcode.PING, b"between"), chop=chop)
        answer = await wire.frame()
        assert (answer.opcode, answer.payload) == (Opcode.PONG, b"between")
        await wire.send(frame(0, ECHO[7:]), chop=chop)
        assert await wire.message() == ECHOED


@pytest.mark.parametrize("chop", [None, 1], ids=["at once [5.19]", "byte by byte [5.20]"])
async def test_5_4_pings_between_all_of_many_fragments_are_answered(port: int, chop: int | None) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(ECHO[:4], fin=False), frame(0, ECHO[4:8], fin=False), frame(Opcode.PING, b"1"), chop=chop)
        assert (await wire.frame()).payload == b"1"
        await wire.send(frame(0, ECHO[8:12], fin=False), frame(Opcode.PING, b"2"), frame(0, ECHO[12:]), chop=chop)
        assert (await wire.frame()).payload == b"2"
        assert await wire.message() == ECHOED


# -- what fails the connection --------------------------------------------------------------------------------------

BROKEN: dict[str, bytes] = {
    "5.1 a text that is not masked": text(ECHO, mask=None),
    "5.1 binary that is not masked": binary(b"x", mask=None),
    "5.1 a ping that is not masked": frame(Opcode.PING, b"x", mask=None),
    "5.1 a close that is not masked": close(1000, mask=None),
    "5.1 an empty frame that is not masked": text("", mask=None),
    "5.1 an unmasked frame whose length is enormous": text(b"", mask=None, length_bits=64, announced=1 << 40),
    **{f"5.2 RSV {rsv:03b} in a text [3.{rsv}]": text(ECHO, rsv=rsv) for rsv in range(1, 8)},
    **{f"5.2 RSV {rsv:03b} in binary": binary(b"x", rsv=rsv) for rsv in (1, 2, 4, 5)},
    "5.2 RSV 110 in a ping [3.6]": frame(Opcode.PING, rsv=6),
    "5.2 RSV 111 in a close [3.7]": close(1000, rsv=7),
    "5.2 RSV 100 in a continuation": text(ECHO[:7], fin=False) + frame(0, ECHO[7:], rsv=4),
    **{f"5.2 reserved opcode {opcode} [4.1]": frame(opcode) for opcode in range(3, 8)},
    **{f"5.2 reserved opcode {opcode} with a payload [4.1]": frame(opcode, b"reserved") for opcode in range(3, 8)},
    **{f"5.2 reserved opcode {opcode} [4.2]": frame(opcode) for opcode in range(11, 16)},
    **{f"5.2 reserved opcode {opcode} with a payload [4.2]": frame(opcode, b"reserved") for opcode in range(11, 16)},
    "5.2 reserved opcode 3 inside a fragmented message": text(ECHO[:7], fin=False) + frame(3, ECHO[7:]),
    "5.2 a 64-bit length with the top bit set": text(b"", length_bits=64, announced=1 << 63 | 5),
    "5.2 a 64-bit length of all ones": text(b"", length_bits=64, announced=(1 << 64) - 1),
    "5.2 a close whose length has the top bit set": frame(Opcode.CLOSE, length_bits=64, announced=1 << 63),
    "5.2 sixteen bits for a length of 125": text(b"4" * 125, length_bits=16),
    "5.2 sixteen bits for a length of 0": text(b"", length_bits=16),
    "5.2 sixty-four bits for a length of 125": text(b"4" * 125, length_bits=64),
    "5.2 sixty-four bits for a length of 65535": text(b"4" * 65_535, length_bits=64),
    "5.4 a continuation without a start [5.9]": frame(0, ECHO),
    "5.4 an unfinished continuation without a start [5.12]": frame(0, ECHO, fin=False),
    "5.4 an empty continuation without a start": frame(0),
    "5.4 a continuation after the end [5.15]": text(ECHO[:7], fin=False)
    + frame(0, ECHO[7:])
    + frame(0, "more", fin=False),
    "5.4 a text inside a text [5.18]": text(ECHO[:7], fin=False) + text(ECHO[7:]),
    "5.4 an unfinished text inside a text": text(ECHO[:7], fin=False) + text(ECHO[7:], fin=False),
    "5.4 binary inside a text": text(ECHO[:7], fin=False) + binary(b"x"),
    "5.4 a text inside binary": binary(b"x", fin=False) + text(ECHO),
    "5.5 a ping of 126 bytes [2.5]": frame(Opcode.PING, b"x" * 126),
    "5.5 a pong of 126 bytes": frame(Opcode.PONG, b"x" * 126),
    "5.5 a close of 126 bytes [7.3.6]": close(1000, "x" * 124),
    "5.5 a ping that announces 65536 bytes": frame(Opcode.PING, length_bits=64, announced=65_536),
    "5.5 a ping that announces ten bytes in sixteen bits": frame(Opcode.PING, b"x" * 10, length_bits=16),
    "5.5 a fragmented ping [5.1]": frame(Opcode.PING, b"x", fin=False) + frame(0, b"y"),
    "5.5 a fragmented pong [5.2]": frame(Opcode.PONG, b"x", fin=False) + frame(0, b"y"),
    "5.5 a fragmented close": close(1000, fin=False) + frame(0, b"y"),
}


@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
@cases({name: case for name, case in BROKEN.items() if len(case) < 10_000 or "65535" in name})
async def test_a_protocol_error_is_answered_with_1002(port: int, case: bytes, chop: int | None) -> None:
    if chop == 1 and len(case) > 1_000:
        chop = 997
    async with open_websocket(port) as wire:
        await wire.send(case, chop=chop)
        # What was whole before the error may still be answered.
        *_, last = await wire.rest()
        assert last.close_code == PROTOCOL_ERROR


@cases(
    {
        "RSV [3.2]": text(ECHO, rsv=2),
        "a reserved opcode [4.1.4]": frame(6, b"reserved"),
        "a continuation [5.10]": frame(0, b"x"),
        "no mask": text(ECHO, mask=None),
    }
)
async def test_what_came_before_a_protocol_error_is_answered_and_what_comes_after_is_not(
    port: int, case: bytes
) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(ECHO))
        assert await wire.message() == ECHOED
        await wire.send(case, frame(Opcode.PING, b"late"), text(ECHO))
        assert [heard.opcode for heard in await wire.rest()] == [Opcode.CLOSE]


async def test_an_error_in_a_header_is_answered_before_the_payload_comes(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(b"", rsv=1, announced=100)[:2])
        assert await wire.closed() == PROTOCOL_ERROR


# -- section 7.4.1: 1009, too big -----------------------------------------------------------------------------------


@cases(
    {
        "one byte too many": text(b"", length_bits=64, announced=MESSAGE_MAX_BYTES + 1)[:-4],
        "binary, one byte too many": binary(b"", length_bits=64, announced=MESSAGE_MAX_BYTES + 1)[:-4],
        "a gigabyte": text(b"", length_bits=64, announced=1 << 30)[:-4],
        "as much as can be": text(b"", length_bits=64, announced=(1 << 63) - 1)[:-4],
        "the sum of fragments, as soon as it is announced": text("4" * 40_000, fin=False)
        + frame(0, b"", announced=30_000)[:-4],
        "the sum of fragments in sixteen bits": text("4" * MESSAGE_MAX_BYTES, fin=False)
        + frame(0, b"", announced=1)[:-4],
        "the sum of binary fragments": binary(b"4" * 65_000, fin=False) + frame(0, b"", announced=537)[:-4],
    }
)
async def test_7_4_1_what_is_announced_as_too_big_is_refused_with_1009_before_it_is_sent(
    port: int, case: bytes
) -> None:
    async with open_websocket(port) as wire:
        await wire.send(case)
        assert await wire.closed() == TOO_BIG


async def test_7_4_1_what_is_too_big_and_was_sent_in_one_go_is_refused_with_1009(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text(echo_of_bytes(MESSAGE_MAX_BYTES + 1)))
        assert await wire.closed() == TOO_BIG


async def test_7_4_1_fragments_without_end_are_refused_with_1009(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text("4", fin=False), *[frame(0, "x" * 1_000, fin=False)] * 66)
        assert await wire.closed() == TOO_BIG


async def test_a_control_frame_between_fragments_does_not_count_for_the_message(port: int) -> None:
    packet = echo_of_bytes(MESSAGE_MAX_BYTES)
    async with open_websocket(port) as wire:
        await wire.send(text(packet[:60_000], fin=False), frame(Opcode.PING, b"x" * 125), frame(0, packet[60_000:]))
        assert (await wire.frame()).opcode is Opcode.PONG
        assert str(await wire.message()).startswith('42["message-back"')


# -- section 8.1: UTF-8 ---------------------------------------------------------------------------------------------

# After Autobahn's 6.2 to 6.23, and the Unicode standard's table 3-7.
UTF8: dict[str, str] = {
    "Greek [6.2]": "κόσμε",
    "many scripts [6.2]": "Hello-µ@ßöäüàá-UTF-8!! 日本語 \N{SNOWMAN}",
    "last of one byte [6.7]": "\x7f",
    "first of two bytes [6.6]": "\x80",
    "last of two bytes [6.7]": "\u07ff",
    "first of three bytes [6.6]": "\u0800",
    "last of three bytes [6.7]": "\uffff",
    "first of four bytes [6.6]": "\U00010000",
    "last of all [6.9]": "\U0010ffff",
    "before the surrogates [6.9]": "\ud7ff",
    "after the surrogates [6.9]": "\ue000",
    "replacement character [6.9]": "\ufffd",
    "noncharacters [6.22]": "\ufffe\uffff\U0001fffe\U0001ffff\ufdd0",
    "emoji": "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}\N{GRINNING FACE}",
}
NOT_UTF8: dict[str, bytes] = {
    "a lone continuation byte [6.10]": b"\x80",
    "continuation bytes [6.10]": b"\x80\xbf\x80\xbf",
    "a start without its continuation [6.11]": b"\xc3 ",
    "starts without continuations [6.11]": b"\xe0 \xe1 \xef ",
    "two of three bytes [6.12]": b"\xe2\x82",
    "three of four bytes [6.12]": b"\xf0\x9f\x98",
    "impossible FE [6.14]": b"\xfe",
    "impossible FF [6.14]": b"\xff",
    "overlong slash in two bytes [6.15]": b"\xc0\xaf",
    "overlong slash in three bytes [6.15]": b"\xe0\x80\xaf",
    "overlong slash in four bytes [6.15]": b"\xf0\x80\x80\xaf",
    "overlong last of one byte [6.16]": b"\xc1\xbf",
    "overlong last of two bytes [6.16]": b"\xe0\x9f\xbf",
    "overlong zero [6.17]": b"\xc0\x80",
    "a high surrogate [6.18]": b"\xed\xa0\x80",
    "a low surrogate [6.18]": b"\xed\xbf\xbf",
    "a pair of surrogates [6.19]": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond the last of all [6.4]": b"\xf4\x90\x80\x80",
    "five bytes [6.13]": b"\xf8\x88\x80\x80\x80",
    "six bytes [6.13]": b"\xfc\x84\x80\x80\x80\x80",
    "Autobahn's [6.3.1]": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
}


def _in_fragments(payload: bytes) -> Iterable[bytes]:
    yield text(payload[:1], fin=False)
    for position in range(1, len(payload)):
        yield frame(0, payload[position : position + 1], fin=False)
    yield frame(0)


@pytest.mark.parametrize("is_fragmented", [False, True], ids=["in one frame", "each byte in a frame of its own"])
@cases(UTF8)
async def test_8_1_text_in_utf_8_arrives(port: int, case: str, is_fragmented: bool) -> None:
    packet = event("message", case).encode()
    async with open_websocket(port) as wire:
        await wire.send(*(_in_fragments(packet) if is_fragmented else [text(packet)]))
        assert json.loads(str(await wire.message())[2:]) == ["message-back", case]


@pytest.mark.parametrize("is_fragmented", [False, True], ids=["in one frame", "each byte in a frame of its own"])
@cases(NOT_UTF8)
async def test_8_1_text_that_is_not_utf_8_is_answered_with_1007(port: int, case: bytes, is_fragmented: bool) -> None:
    packet = b'42["message","' + case + b'"]'
    async with open_websocket(port) as wire:
        await wire.send(*(_in_fragments(packet) if is_fragmented else [text(packet)]))
        assert await wire.closed() == INVALID_DATA


async def test_8_1_a_text_that_ends_in_the_middle_of_a_character_is_answered_with_1007(port: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(text("4κ".encode()[:-1]))
        assert await wire.closed() == INVALID_DATA


# -- section 5.5.1 and 7: closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_5_5_1_a_close_is_answered_with_its_code(port: int, code: int) -> None:
    """[7.3.3, 7.7]"""
    async with open_websocket(port) as wire:
        await wire.send(close(code))
        assert await wire.closed(answers=False) == code


@pytest.mark.parametrize("code", [1012, 1013, 1014])
async def test_7_4_2_a_close_with_a_code_registered_later_is_answered_with_it(port: int, code: int) -> None:
    async with open_websocket(port) as wire:
        await wire.send(close(code))
        assert await wire.closed(answers=False) == code


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_7_4_a_close_with_a_code_that_may_not_be_sent_is_answered_with_1002(port: int, code: int) -> None:
    """[7.9, 7.13]"""
    async with open_websocket(port) as wire:
        await wire.send(close(code))
        assert await wire.closed() == PROTOCOL_ERROR


@cases(
    {
        "no payload [7.3.1]": (close(), {1000, NO_CODE}),
        "a reason [7.3.4]": (close(1000, "goodbye"), {1000}),
        "a reason of 123 bytes [7.3.5]": (close(1000, "x" * 123), {1000}),
        "a reason beyond ASCII": (close(1000, "κόσμε"), {1000}),
        "one byte [7.3.2]": (frame(Opcode.CLOSE, b"\x03"), {1002}),
        "a reason that is not UTF-8 [7.5.1]": (close(1000, b"\xce\xba\xed\xa0\x80"), {1007, 1002}),
        "a reason that ends in the middle of a character": (close(1000, "κ".encode()[:1]), {1007, 1002}),
        "a reserved code and a reason": (close(1005, "x"), {1002}),
        "between fragments [7.1.5]": (text(ECHO[:7], fin=False) + close(1001) + frame(0, ECHO[7:]), {1001}),
        "two closes [7.1.2]": (close(1000) + close(1001), {1000}),
        "then a ping [7.1.3]": (close(1000) + frame(Opcode.PING, b"late"), {1000}),
        "then a text [7.1.4]": (close(1000) + text(ECHO), {1000}),
        "then a broken frame": (close(1000) + text(ECHO, rsv=7), {1000}),
        "then bytes that are no frame": (close(1000) + b"\xff" * 5_000, {1000}),
        "half a frame": (close(1000) + text(ECHO)[:5], {1000}),
    }
)
@pytest.mark.parametrize("chop", [None, 1], ids=["at once", "byte by byte"])
async def test_5_5_1_a_close_is_answered_and_nothing_behind_it(
    port: int, case: bytes, expected: set[int], chop: int | None
) -> None:
    async with open_websocket(port) as wire:
        await wire.send(case, chop=997 if chop and len(case) > 1_000 else chop)
        (answer,) = await wire.rest(answers=False)
        assert answer.close_code in expected


async def test_7_1_1_what_came_before_a_close_is_answered_before_it(port: int) -> None:
    """[7.1.1]"""
    async with open_websocket(port) as wire:
        await wire.send(text(ECHO), frame(Opcode.PING, b"last"), close(1000))
        *before, last = await wire.rest(answers=False)
        assert last.close_code == 1000
        assert {heard.payload for heard in before} == {b"last", ECHOED.encode()}


async def test_7_1_1_a_client_that_goes_without_a_close_harms_nobody(port: int) -> None:
    for goodbye in (b"", text(ECHO)[:3], text(ECHO[:7], fin=False)):
        async with open_websocket(port) as neighbour, open_websocket(port) as wire:
            await wire.send(goodbye)
            wire.cut()
            assert await answers(neighbour)


async def test_a_client_that_ends_its_side_of_the_connection_is_closed(port: int) -> None:
    async with open_websocket(port) as wire:
        wire.end_writing()
        assert await wire.is_cut()


async def test_7_1_1_a_client_that_does_not_answer_a_close_is_cut_off(port: int) -> None:
    async with open_websocket(port) as closed, open_websocket(port) as failed:
        await closed.send(text("1"))
        await failed.send(text(ECHO, rsv=1))
        assert (await closed.frame()).opcode is Opcode.CLOSE
        assert (await failed.frame()).opcode is Opcode.CLOSE
        assert await closed.is_cut(GOODBYE_SECONDS)
        assert await failed.is_cut(GOODBYE_SECONDS)
        # The other direction is shut as well: what is sent now finds nobody.
        await eventually(lambda: _is_gone(closed) and _is_gone(failed), GOODBYE_SECONDS, "both connections are gone")


def _is_gone(wire: Wire) -> bool:
    try:
        wire.send_nowait(frame(Opcode.PONG))
    except ConnectionError:
        return True
    return False


async def test_a_violation_closes_its_own_connection_and_no_other(port: int) -> None:
    async with open_websocket(port) as neighbour:
        async with asyncio.TaskGroup() as tasks:
            for name in ("5.1 a text that is not masked", "5.5 a fragmented ping [5.1]"):
                tasks.create_task(_break(port, BROKEN[name]))
        assert await answers(neighbour)


async def _break(port: int, case: bytes) -> None:
    async with open_websocket(port) as wire:
        await wire.send(case)
        assert await wire.closed() == PROTOCOL_ERROR


def test_masking_is_what_section_5_3_says() -> None:
    payload, mask = bytes(range(256)), b"\x01\x02\x03\x04"
    assert masked_payload(payload, mask) == bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
