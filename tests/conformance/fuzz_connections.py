"""Streams for a whole connection, from the first byte of a frame to Socket.IO's handlers and back."""

import json
import re

from conformance import reference
from conformance.fuzz_frames import make_frame, make_stream
from conformance.fuzz_packets import make_packet
from conformance.raw import SENDABLE_CLOSE_CODES, Opcode, binary, close, frame, text
from conformance.source import Source
from conformance.world import MESSAGE_MAX_BYTES, NotedTransport, World, quiet, until

SERVER_PACKET = re.compile(r"4(?:[0-4]|[56][0-9]+-)(?:/[^,]*,)?[0-9]*(?P<data>.*)", re.DOTALL)
# What a connection may say without being closed for it.
HARMLESS = ["6", "3", "3probe", '42["nobody listens",1]', '42["message",1]', '421["message-with-ack","κ"]']

SAID = [
    *["1", "2", "0", "5", "bAQID", "40", "41", "40/custom,", "40/random,", '42["leave"]', '42["burst",30]', "431[]"],
    *['451-["message",{"_placeholder":true,"num":0}]', '42["ask",1]', '42["join","r"]'],
]
FRAMES = [close(1000), close(), close(1005), close(4000, "κ"), text("x" * 1_030), frame(Opcode.PING)]


def make_said(source: Source) -> str:
    """An Engine.IO packet, mostly right."""
    match source.number(0, 7):
        case 0 | 1 | 2:
            return source.pick(HARMLESS)
        case 3 | 4:
            return f"4{make_packet(source)}"
        case 5 | 6:
            return source.pick(SAID)
        case _:
            return source.word(5)


def make_part(source: Source) -> bytes:
    """Some bytes of a stream, mostly a whole message."""
    match source.number(0, 11):
        case 0 | 1 | 2 | 3:
            return text(source.pick(HARMLESS))
        case 4 | 5 | 6:
            return text(make_said(source))
        case 7:
            said = make_said(source).encode()
            at = source.number(0, len(said))
            between = frame(Opcode.PING, b"between") if source.number(0, 1) else b""
            return text(said[:at], fin=False) + between + frame(0, said[at:])
        case 8 | 9:
            return make_frame(source)
        case 10:
            return binary(source.blob(10))
        case _:
            return source.pick(FRAMES)


def make(source: Source) -> tuple[list[bytes], bool]:
    """A stream, and whether the client is in a namespace before it begins."""
    return make_stream(source, make_part), source.number(0, 4) > 0


def check(stream: tuple[list[bytes], bool]) -> None:
    """The connection answers in proper frames, ends as it must, and leaves nothing behind."""
    chunks, is_connected = stream
    world = World.shared()
    bugs_before = world.bugs()
    world.run(_check(world, chunks, is_connected))
    assert world.bugs() == bugs_before, "a handler was taken by surprise"


async def _check(world: World, chunks: list[bytes], is_connected: bool) -> None:
    engine = world.parts.engine
    transport = NotedTransport()
    connection = engine.open({})
    connection.connect_websocket(transport, engine.new_reader())
    if is_connected:
        await transport.feed(text("40"))
        await until(lambda: b'["auth",' in transport.written, "the client is in its namespace")
    began = len(transport.written)
    for chunk in chunks:
        await transport.feed(chunk)
    await quiet()
    written = bytes(transport.written[began:])
    expected = reference.read_frames(b"".join(chunks), MESSAGE_MAX_BYTES)
    closes = _closes_of(expected)
    heard = read_server_frames(written)
    close_codes = [_code(payload) for opcode, payload in heard if opcode == Opcode.CLOSE]
    assert [opcode for opcode, _ in heard[:-1]].count(Opcode.CLOSE) == 0, "something is behind a close"
    if _is_harmless(expected, is_connected):
        assert close_codes == closes[:1]
    else:
        assert close_codes or not closes, "a violation is not answered"
    assert transport.has_ended or not close_codes or not _is_harmless(expected, is_connected)
    transport.lose()
    # Behind a disconnect's handlers there may be tasks.
    await until(lambda: not world.left(), f"nothing is left: {world.left()}")


def _closes_of(expected: reference.Read) -> list[int | None]:
    """The codes of the close frames that the stream asks for by itself; the first one counts."""
    codes = [
        reference.close_answer(bytes(payload))
        for opcode, payload in expected.events
        if opcode == Opcode.CLOSE and isinstance(payload, bytes)
    ]
    return codes if expected.violation is None else [*codes, expected.violation]


def _is_harmless(expected: reference.Read, is_connected: bool) -> bool:
    """Whether nothing but the websocket's own rules can end the connection."""
    packets = HARMLESS if is_connected else [packet for packet in HARMLESS if packet[0] != "4"]
    for opcode, payload in expected.events:
        if opcode == Opcode.CLOSE:
            return True
        if opcode in {Opcode.TEXT, Opcode.BINARY} and payload not in packets:
            return False
    return True


def _code(payload: bytes) -> int | None:
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    assert code in SENDABLE_CLOSE_CODES
    payload[2:].decode()
    return code


def read_server_frames(data: bytes) -> list[tuple[Opcode, bytes]]:
    """Read what a server has written, as strictly as `raw.Wire` does."""
    read = []
    at = 0
    while at < len(data):
        first, second = data[at], data[at + 1]
        assert first & 0xF0 == 0x80, "not one frame a message"
        assert second < 0x80, "a server's frame is masked"
        opcode, length, at = Opcode(first & 0x0F), second, at + 2
        if second >= 126:
            width = 2 if second == 126 else 8
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
            assert length > (125 if width == 2 else 65_535), "a length is not in its shortest form"
        payload, at = data[at : at + length], at + length
        assert len(payload) == length, "a frame is cut short"
        assert opcode < Opcode.CLOSE or length <= 125
        if opcode is Opcode.TEXT:
            _check_text(payload.decode())
        read.append((opcode, payload))
    return read


def _check_text(packet: str) -> None:
    """Whatever a server writes as Socket.IO is something that a stock client can read."""
    if not packet.startswith("4"):
        return
    written = SERVER_PACKET.fullmatch(packet)
    assert written is not None, packet
    if written["data"]:
        json.loads(written["data"], parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
