"""The Socket.IO protocol, version 5: what its own test suite asks for, and what its document says beyond that.

Where the document is silent, what `socket.io-parser` and the JavaScript server do is expected, as clients are written
for these.
"""

import json
from typing import Any

import pytest

from conformance.echo_server import EchoServer
from conformance.raw import Wire, binary, close, text
from conformance.sessions import ECHO, ECHOED, answers, event, open_polling, open_websocket
from parts.waiting import eventually

PLACEHOLDER_0, PLACEHOLDER_1 = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'
# Socket.IO sid, as the server gives it, is somewhere in the packet.
SID = '{"sid":"'


async def say(wire: Wire, *packets: str | bytes) -> None:
    await wire.send(*(binary(packet) if isinstance(packet, bytes) else text(packet) for packet in packets))


async def heard(wire: Wire, count: int) -> list[str | bytes]:
    return [await wire.message() for _ in range(count)]


# -- connecting to a namespace --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "connected", "greeting"),
    [
        pytest.param("40", "40", '42["auth",{}]', id="the default namespace"),
        pytest.param("40/,", "40", '42["auth",{}]', id="the default namespace by name"),
        pytest.param('40{"token":"123"}', "40", '42["auth",{"token":"123"}]', id="with a payload"),
        pytest.param("40{}", "40", '42["auth",{}]', id="with an empty payload"),
        pytest.param("40/custom,", "40/custom,", '42/custom,["auth",{}]', id="another namespace"),
        pytest.param("40/custom", "40/custom,", '42/custom,["auth",{}]', id="another namespace without a comma"),
        pytest.param(
            '40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]', id="another with a payload"
        ),
        pytest.param('40{"a":[1,2.5,null,"κ"]}', "40", None, id="with a payload of many kinds"),
    ],
)
async def test_a_client_connects_to_a_namespace(port: int, packet: str, connected: str, greeting: str | None) -> None:
    async with open_websocket(port, connected=False) as wire:
        await say(wire, packet)
        answer = str(await wire.message())
        assert answer.startswith(connected + SID)
        handshake = json.loads(answer[len(connected) :])
        assert handshake.keys() == {"sid"}
        assert isinstance(handshake["sid"], str)
        said = str(await wire.message())
        assert greeting is None or said == greeting


@pytest.mark.parametrize(
    ("packet", "namespace"),
    [
        ("40/random", "/random"),
        ("40/random,", "/random"),
        ('40/random,{"token":"x"}', "/random"),
        ("40/Custom", "/Custom"),
    ],
)
async def test_an_unknown_namespace_is_refused_and_the_connection_goes_on(
    port: int, packet: str, namespace: str
) -> None:
    async with open_websocket(port, connected=False) as wire:
        await say(wire, packet)
        assert await wire.message() == f'44{namespace},{{"message":"Invalid namespace"}}'
        await say(wire, "40")
        assert str((await heard(wire, 2))[0]).startswith("40")
        assert await answers(wire)


async def test_a_session_has_an_id_in_each_namespace(port: int) -> None:
    async with open_websocket(port, connected=False) as wire:
        await say(wire, "40", "40/custom,")
        said = [str(packet) for packet in await heard(wire, 4)]
        ids = {packet.split(SID)[1] for packet in said if SID in packet}
        assert len(ids) == 2


async def test_a_client_that_never_connects_is_closed(quick_server: EchoServer) -> None:
    async with open_websocket(quick_server.port, connected=False) as wire:
        while (packet := await wire.frame()).payload == b"2":
            await say(wire, "3")
        assert packet.close_code


async def test_a_client_whose_namespace_was_refused_and_that_asks_for_no_other_is_closed(
    quick_server: EchoServer,
) -> None:
    async with open_websocket(quick_server.port, connected=False) as wire:
        await say(wire, "40/random")
        while (packet := await wire.frame()).payload == b"2" or packet.payload.startswith(b"44"):
            await say(wire, "3")
        assert packet.close_code


async def test_a_client_that_never_connects_is_closed_by_polling(quick_server: EchoServer) -> None:
    session = await open_polling(quick_server.port)

    async def is_closed() -> bool:
        response = await session.get()
        if response.status == 200 and response.text == "2":
            await session.post("3")
        return response.status == 400

    await eventually(is_closed, 5, "the session is closed")


# -- what closes a connection ---------------------------------------------------------------------------------------

BROKEN = {
    "an unknown type": "4abc",
    "no type": "4",
    "type 7": "47",
    "type 9": "49[]",
    "a negative type": "4-1",
    "a type beyond ASCII": "4\N{ARABIC-INDIC DIGIT TWO}[]",
    "an event without a payload": "42",
    "an event with an object": "42{}",
    "an event with an empty array": "42[]",
    "an event with a string": '42"message"',
    "an event with null": "42null",
    "an event with a number": "42 1",
    "an event whose name is an object": '42[{"a":1}]',
    "an event whose name is an array": '42[["message"]]',
    "an event whose name is null": "42[null]",
    "an event whose name is true": "42[true]",
    "an event whose JSON is cut": '42["message"',
    "an event whose JSON is followed by something": '42["message"]x',
    "an event with two payloads": '42["message"]["message"]',
    "an event with NaN": '42["message",NaN]',
    "an event with Infinity": '42["message",-Infinity]',
    "an event with a control character": '42["message","\n"]',
    "an event with single quotes": "42['message']",
    "an ack id that is none": '42abc["message-with-ack",1]',
    "an ack id that is negative": '42-1["message-with-ack",1]',
    "an ack id that is a fraction": '421.5["message-with-ack",1]',
    "a comma without a namespace": '42,["message"]',
    "a namespace without a comma": '42/["message"]',
    "an event for a namespace that is not connected": '42/custom,["message"]',
    "an event for a namespace that is not there": '42/nowhere,["message"]',
    "an ack without a payload": "431",
    "an ack with an object": "431{}",
    "an ack with a string": '431"x"',
    "a connect to the namespace it is in": "40",
    "a connect to the namespace it is in with a payload": "40{}",
    "a connect with a string": '40/custom,"x"',
    "a connect with an array": "40/custom,[1]",
    "a connect with null": "40/custom,null",
    "a connect with true": "40/custom,true",
    "a connect with broken JSON": "40/custom,{",
    "a connect error": '44{"message":"x"}',
    "a disconnect with a payload": '41{"a":1}',
    "a binary event without a dash": '45["message"]',
    "a binary event with a number and no dash": '451["message"]',
    "a binary event with a negative number": '45-1-["message"]',
    "a binary event with a fraction": '451.5-["message"]',
    "a binary event with too many attachments": f'4511-["message",{PLACEHOLDER_0}]',
    "a binary event with far too many attachments": f'45999999999-["message",{PLACEHOLDER_0}]',
    "a binary event with a number of many digits": f'45{"9" * 5_000}-["message",{PLACEHOLDER_0}]',
    "a binary event without a payload": "451-",
    "a binary event with an object": "451-{}",
    "a binary event for a namespace that is not connected": f'451-/custom,["message",{PLACEHOLDER_0}]',
}


@pytest.mark.parametrize("packet", [pytest.param(packet, id=name) for name, packet in BROKEN.items()])
async def test_a_packet_that_breaks_the_protocol_closes_the_connection(port: int, packet: str) -> None:
    async with open_websocket(port) as neighbour, open_websocket(port) as wire:
        # What is behind it is right, if the packet before it was.
        await say(wire, packet, *([b"attached"] if packet.startswith("45") else []), ECHO)
        frames = await wire.rest()
        assert ECHOED.encode() not in [frame.payload for frame in frames]
        assert await answers(neighbour)


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["message-with-ack",1]', "4"])
async def test_a_packet_that_breaks_the_protocol_closes_the_session_by_polling(port: int, packet: str) -> None:
    session = await open_polling(port, connected=True)
    await session.post(packet)

    async def is_closed() -> bool:
        return (await session.get()).status == 400

    await eventually(is_closed, 5, "the session is closed")


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(ECHO, id="an event"),
        pytest.param(f'451-["message",{PLACEHOLDER_0}]', id="a binary event"),
        pytest.param("431[]", id="an ack"),
        pytest.param('44{"message":"x"}', id="a connect error"),
        pytest.param("4abc", id="no packet"),
        pytest.param('40{"token"', id="a broken connect"),
        pytest.param('40["token"]', id="a connect with an array"),
        pytest.param(b"\x01", id="binary"),
    ],
)
async def test_what_comes_in_place_of_a_connect_closes_the_connection(port: int, packet: str | bytes) -> None:
    """ "If the server does not receive a CONNECT packet first, then it MUST close the connection immediately." """
    async with open_websocket(port, connected=False) as wire:
        await say(wire, packet)
        assert len(await wire.rest()) == 1


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param([b"\x01"], id="an attachment that nobody announced"),
        pytest.param([f'451-["message",{PLACEHOLDER_0}]', ECHO], id="text where an attachment is due"),
        pytest.param([f'451-["message",{PLACEHOLDER_0}]', "41"], id="a disconnect where an attachment is due"),
        pytest.param(
            [f'452-["message",{PLACEHOLDER_0},{PLACEHOLDER_1}]', b"\x01", ECHO], id="text where another is due"
        ),
        pytest.param([f'451-["message",{PLACEHOLDER_1}]', b"\x01"], id="a placeholder that names no attachment"),
        pytest.param(['451-["message",{"_placeholder":true,"num":-1}]', b"\x01"], id="a negative placeholder"),
        pytest.param(['451-["message",{"_placeholder":true,"num":"0"}]', b"\x01"], id="a placeholder with a string"),
        pytest.param(['451-["message",{"_placeholder":true,"num":0.5}]', b"\x01"], id="a placeholder with a fraction"),
        pytest.param(['451-["message",{"_placeholder":true}]', b"\x01"], id="a placeholder without a number"),
        pytest.param([f'450-["message",{PLACEHOLDER_0}]', b"\x01"], id="an attachment behind zero"),
        pytest.param([f"461-1[{PLACEHOLDER_1}]", b"\x01"], id="an ack whose placeholder names no attachment"),
    ],
)
async def test_attachments_that_do_not_fit_close_the_connection(port: int, packets: list[str | bytes]) -> None:
    async with open_websocket(port) as wire:
        await say(wire, *packets)
        assert ECHOED.encode() not in [frame.payload for frame in await wire.rest()]


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param('42["message",' + "[" * 30_000 + "]" * 30_000 + "]", id="arrays"),
        pytest.param('42["message",' + '{"a":' * 12_000 + "1" + "}" * 12_000 + "]", id="objects"),
        pytest.param('42["message",' + "[" * 60_000, id="arrays that are never closed"),
        pytest.param("40/custom," + '{"a":' * 12_000 + "1" + "}" * 12_000, id="a connect's payload"),
        pytest.param("42" + "9" * 5_000 + '["message-with-ack"]', id="an ack id of 5000 digits"),
        pytest.param('42["message",' + "9" * 5_000 + "]", id="a number of 5000 digits"),
        pytest.param('42["message",1e999]', id="a number beyond all"),
        pytest.param('42["message","\\ud800"]', id="half a surrogate pair"),
        pytest.param('42["\\ud800",1]', id="half a surrogate pair for a name"),
        pytest.param('42["message",{"__proto__":1}]', id="__proto__"),
        pytest.param('42["message",{"a":1,"a":2}]', id="a key twice"),
        pytest.param("40/" + "x" * 60_000 + ",", id="a namespace of 60000 characters"),
        pytest.param('42["' + "x" * 60_000 + '",1]', id="an event with a name of 60000 characters"),
    ],
)
async def test_what_is_extreme_is_closed_or_answered_in_proper_json(port: int, packet: str) -> None:
    async with open_websocket(port) as wire:
        await say(wire, packet, event("message", "behind"))
        while True:
            said = await wire.frame()
            if said.opcode == 8 or said.text == event("message-back", "behind"):
                break
            start = min(position for position in map(said.text.find, "[{") if position >= 0)
            json.loads(said.text[start:], parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


async def test_binary_events_nest_as_deep_as_any(port: int) -> None:
    deep = "[" * 900 + PLACEHOLDER_0 + "]" * 900
    async with open_websocket(port) as neighbour, open_websocket(port) as wire:
        await say(wire, f'451-["message",{deep}]', b"\x01")
        first = await wire.frame()
        assert first.opcode == 8 or first.text.startswith("451-")
        assert await answers(neighbour)


# -- leaving a namespace --------------------------------------------------------------------------------------------


async def test_a_client_leaves_the_default_namespace_and_the_connection_may_go_on(quick_server: EchoServer) -> None:
    async with open_websocket(quick_server.port) as wire:
        await say(wire, "41")
        assert await wire.message() == "2"


async def test_a_client_leaves_one_namespace_and_stays_in_another(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, "40/custom")
        await heard(wire, 2)
        await say(wire, "41/custom", '42["message","message to main namespace"]')
        assert await wire.message() == '42["message-back","message to main namespace"]'
        await say(wire, "40/custom,")
        assert str((await heard(wire, 2))[0]).startswith("40/custom," + SID)
        await say(wire, "41/custom,", ECHO)
        assert await wire.message() == ECHOED


async def test_a_client_that_left_may_come_back_on_the_same_connection(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, "41", "40")
        assert str((await heard(wire, 2))[0]).startswith("40" + SID)
        assert await answers(wire)


async def test_an_event_behind_a_disconnect_is_refused(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, "41", ECHO)
        assert len(await wire.rest()) == 1


async def test_the_server_disconnects_a_client(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, event("leave"))
        assert await wire.message() == "41"


@pytest.mark.parametrize(
    "goodbye",
    [
        pytest.param(close(1000), id="a close frame"),
        pytest.param(text("1"), id="an Engine.IO close"),
        pytest.param(text("41"), id="a disconnect"),
        pytest.param(text("41") + text("1") + close(1000), id="all of these"),
        pytest.param(None, id="the end of the connection"),
    ],
)
async def test_what_a_client_says_before_it_leaves_is_heard(port: int, goodbye: bytes | None) -> None:
    """Who emits and disconnects at once means both; the reference server handles each packet before the next."""
    async with open_websocket(port) as listener, open_websocket(port) as wire:
        await say(listener, event("join", "last words", ack=1))
        assert await listener.message() == "431[true]"
        await wire.send(*(text(event("publish", "last words", 1, 1)) for _ in range(5)), goodbye or b"")
        if goodbye is None:
            wire.end_writing()
        assert await heard(listener, 5) == [event("published", 0, "x")] * 5
        assert await answers(listener)


# -- events and acks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        pytest.param(['42["message",1,"2",{"3":[true]}]'], ['42["message-back",1,"2",{"3":[true]}]'], id="an event"),
        pytest.param(['42["message"]'], ['42["message-back"]'], id="an event without arguments"),
        pytest.param(['42["message",null]'], ['42["message-back",null]'], id="an event with null"),
        pytest.param(['42["message",[]]'], ['42["message-back",[]]'], id="an event with an empty array"),
        pytest.param([' 42["message"]'[1:]], ['42["message-back"]'], id="an event as JavaScript writes it"),
        pytest.param(['42[ "message" , 1 ]'], ['42["message-back",1]'], id="an event with spaces"),
        pytest.param(['42/,["message",1]'], ['42["message-back",1]'], id="an event with the default namespace's name"),
        pytest.param(
            ['42456["message-with-ack",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]'], id="with an ack"
        ),
        pytest.param(['420["message-with-ack",1]'], ["430[1]"], id="with ack 0"),
        pytest.param(['42007["message-with-ack",1]'], ["437[1]"], id="with ack 007"),
        pytest.param(
            ['429007199254740991["message-with-ack",1]'], ["439007199254740991[1]"], id="with JavaScript's last ack"
        ),
        pytest.param(['421["message-with-ack"]'], ["431[]"], id="with an ack without arguments"),
        pytest.param(['421["message",1]'], ['42["message-back",1]', "431[]"], id="an ack from a handler without one"),
        pytest.param(
            [f'452-["message",{PLACEHOLDER_0},{PLACEHOLDER_1}]', b"\x01\x02\x03", b"\x04\x05\x06"],
            [f'452-["message-back",{PLACEHOLDER_0},{PLACEHOLDER_1}]', b"\x01\x02\x03", b"\x04\x05\x06"],
            id="a binary event",
        ),
        pytest.param(
            [f'452-789["message-with-ack",{PLACEHOLDER_0},{PLACEHOLDER_1}]', b"\x01\x02\x03", b"\x04\x05\x06"],
            [f"462-789[{PLACEHOLDER_0},{PLACEHOLDER_1}]", b"\x01\x02\x03", b"\x04\x05\x06"],
            id="a binary event with an ack",
        ),
        pytest.param(
            [f'451-["message",{{"a":[1,{PLACEHOLDER_0}]}}]', b""],
            [f'451-["message-back",{{"a":[1,{PLACEHOLDER_0}]}}]', b""],
            id="an empty attachment deep inside",
        ),
        pytest.param(
            [f'452-["message",{PLACEHOLDER_1},{PLACEHOLDER_0}]', b"\x01", b"\x02"],
            [f'452-["message-back",{PLACEHOLDER_0},{PLACEHOLDER_1}]', b"\x02", b"\x01"],
            id="attachments in another order",
        ),
        pytest.param(
            ['4510-["message",' + ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10)) + "]"]
            + [bytes([n]) for n in range(10)],
            ['4510-["message-back",' + ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10)) + "]"]
            + [bytes([n]) for n in range(10)],
            id="as many attachments as may be",
        ),
        pytest.param(['450-["message","x"]'], ['42["message-back","x"]'], id="a binary event without attachments"),
        pytest.param(
            ['42["message",{"_placeholder":true,"num":0}]'],
            ['42["message-back",{"_placeholder":true,"num":0}]'],
            id="a placeholder in an event that is not binary",
        ),
        pytest.param(['42["nobody listens",1]', ECHO], [ECHOED], id="an event that nobody listens to"),
    ],
)
async def test_an_event_is_answered(port: int, packets: list[str | bytes], expected: list[str | bytes]) -> None:
    async with open_websocket(port) as wire:
        await say(wire, *packets)
        assert await heard(wire, len(expected)) == expected
        assert await answers(wire)


async def test_an_event_in_another_namespace_is_answered_there(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, "40/custom,")
        await heard(wire, 2)
        await say(wire, '42/custom,["message",1]', '42/custom,5["message-with-ack",2]', ECHO)
        assert await heard(wire, 3) == ['42/custom,["message-back",1]', "43/custom,5[2]", ECHOED]
        await say(wire, f'451-/custom,6["message-with-ack",{PLACEHOLDER_0}]', b"\x01")
        assert await heard(wire, 2) == [f"461-/custom,6[{PLACEHOLDER_0}]", b"\x01"]


async def test_attachments_are_kept_apart_between_connections(port: int) -> None:
    async with open_websocket(port) as one, open_websocket(port) as other:
        await say(one, f'451-["message",{PLACEHOLDER_0}]')
        await say(other, f'451-["message",{PLACEHOLDER_0}]')
        await say(other, b"other")
        assert (await heard(other, 2))[1] == b"other"
        await say(one, b"one")
        assert (await heard(one, 2))[1] == b"one"


async def test_events_are_handled_in_the_order_in_which_they_came(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, *(event("message-with-ack" if n % 2 else "message", n, ack=n) for n in range(100)))
        acks: list[int] = []
        while len(acks) < 100:
            said = str(await wire.message())
            if said.startswith("43"):
                acks.append(int(said[2:].split("[", maxsplit=1)[0]))
        assert acks == list(range(100))


# -- the server asks ------------------------------------------------------------------------------------------------


async def asked(wire: Wire, *arguments: Any) -> tuple[str, str]:
    """Have the server ask; the packet, and the id of the ack that it wants."""
    await say(wire, event("ask", *arguments))
    packet = str(await wire.message())
    ack_id, bracket, _ = packet.removeprefix("42").partition("[")
    assert bracket
    assert ack_id.isascii()
    assert ack_id.isdigit()
    return packet, ack_id


async def test_the_server_asks_and_is_answered(port: int) -> None:
    async with open_websocket(port) as wire:
        packet, ack_id = await asked(wire, 1, "κ")
        assert json.loads(packet[2 + len(ack_id) :]) == ["question", 1, "κ"]
        await say(wire, f'43{ack_id}["yes",{{"a":1}}]')
        assert await wire.message() == '42["answered","yes",{"a":1}]'


async def test_the_server_asks_and_is_answered_with_nothing(port: int) -> None:
    async with open_websocket(port) as wire:
        _, ack_id = await asked(wire)
        await say(wire, f"43{ack_id}[]")
        assert await wire.message() == '42["answered"]'


async def test_the_server_asks_and_is_answered_with_binary(port: int) -> None:
    async with open_websocket(port) as wire:
        _, ack_id = await asked(wire)
        await say(wire, f"461-{ack_id}[{PLACEHOLDER_0}]", b"\x01\x02")
        assert await heard(wire, 2) == [f'451-["answered",{PLACEHOLDER_0}]', b"\x01\x02"]


async def test_the_server_asks_in_another_namespace(port: int) -> None:
    async with open_websocket(port) as wire:
        await say(wire, "40/custom,")
        await heard(wire, 2)
        await say(wire, '42/custom,["ask",1]')
        ack_id = str(await wire.message()).removeprefix("42/custom,").partition("[")[0]
        await say(wire, f'43/custom,{ack_id}["yes"]')
        assert await wire.message() == '42/custom,["answered","yes"]'


async def test_the_server_is_answered_only_once(port: int) -> None:
    async with open_websocket(port) as wire:
        _, ack_id = await asked(wire)
        await say(wire, f"43{ack_id}[1]", f"43{ack_id}[2]")
        assert await wire.message() == '42["answered",1]'
        assert await answers(wire)


@pytest.mark.parametrize("packets", [["43999[]"], ["439007199254740991[1]"], [f"461-999[{PLACEHOLDER_0}]", b"\x01"]])
async def test_an_answer_that_nobody_asked_for_is_ignored(port: int, packets: list[str | bytes]) -> None:
    async with open_websocket(port) as wire:
        await say(wire, *packets)
        assert await answers(wire)


async def test_an_answer_of_another_client_is_not_taken(port: int) -> None:
    async with open_websocket(port) as one, open_websocket(port) as other:
        _, ack_id = await asked(one)
        await say(other, f'43{ack_id}["forged"]')
        assert await answers(other)
        await say(one, f'43{ack_id}["own"]')
        assert await one.message() == '42["answered","own"]'
