"""Bytes for `FrameReader`: frames, mostly right, changed here and there and cut anywhere."""

from collections.abc import Callable, Sequence

from conformance import reference
from conformance.raw import Opcode, frame
from conformance.source import Source
from realtime.transports.engineio.frames import (
    BETWEEN_FRAGMENTS,
    BINARY,
    CLOSE,
    TEXT,
    FrameReader,
    ProtocolViolation,
    close_code,
)

MAX_MESSAGE_BYTES = 300
# Half of one may have come behind the fragments of a message that is as large as may be.
MAX_CONTROL_FRAME_BYTES = 2 + 4 + 125


OPCODES = [*[Opcode.TEXT] * 6, *[Opcode.BINARY] * 2, *[0] * 4, 8, *[9] * 2, 10, 3, 7, 11, 15]
SIZES = [0, 1, 124, 125, 126, 127, 128, MAX_MESSAGE_BYTES - 1, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1]
SPECIAL = ["κόσμε".encode()[:3], b"\xed\xa0\x80", b"\xff", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xed", b"\x03"]
MASKS = [*[b"\x37\xfa\x21\x3d"] * 30, bytes(4), b"\xff\x00\xff\x00", None]
LONG_LENGTHS = [126, 65_535, 65_536, 1 << 31, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
CHUNKS = [1, 1, 2, 3, 5, 13, 64, 1_000, 10_000]


def make_payload(source: Source) -> bytes:
    match source.number(0, 4):
        case 0:
            return source.blob(20)
        case 1 | 2:
            return source.word(20).encode()
        case 3:
            return b"6" * source.pick(SIZES)
        case _:
            return source.pick(SPECIAL)


def make_frame(source: Source) -> bytes:
    """One frame, mostly right."""
    if not source.number(0, 30):
        return frame(Opcode.TEXT, announced=source.pick(LONG_LENGTHS), length_bits=64)
    payload = make_payload(source)
    shortest = 7 if len(payload) < 126 else 16
    return frame(
        source.pick(OPCODES),
        payload,
        fin=source.number(0, 3) > 0,
        rsv=source.pick([*[0] * 30, 1, 2, 4, 7]),
        mask=source.pick(MASKS),
        length_bits=source.pick([*[shortest] * 30, 16, 64]),
    )


def make_stream(source: Source, make_part: Callable[[Source], bytes] = make_frame) -> list[bytes]:
    """What a client sends: frames, now and then a changed byte, cut into chunks."""
    data = bytearray(b"".join(make_part(source) for _ in range(source.number(1, 8))))
    change(source, data)
    return cut(bytes(data), [source.pick(CHUNKS) for _ in range(source.number(1, 4))])


def change(source: Source, data: bytearray) -> None:
    """Change a byte or two, sometimes."""
    for _ in range(source.pick([0, 0, 0, 0, 1, 2])):
        if data:
            data[source.number(0, len(data) - 1)] = source.number(0, 255)


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut into chunks of these sizes, over and over."""
    chunks, at, number = [], 0, 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
        number += 1
    return chunks


make = make_stream


def check(chunks: list[bytes]) -> None:
    """The reader finds what the reference finds, however the stream is cut, and keeps no more than it must."""
    expected = reference.read_frames(b"".join(chunks), MAX_MESSAGE_BYTES)
    reader = FrameReader(MAX_MESSAGE_BYTES)
    events: list[tuple[int, str | bytes]] = []
    violation = None
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (read := reader.next()) is not None:
                if read is BETWEEN_FRAGMENTS:
                    continue
                events.append((read.opcode, read.payload))
            kept = len(reader._data) - reader._at + len(reader._message or b"")
            assert kept <= MAX_MESSAGE_BYTES + MAX_CONTROL_FRAME_BYTES, f"{kept} bytes are kept"
    except ProtocolViolation as error:
        violation = error.code
    assert (events, violation) == (expected.events, expected.violation)
    for opcode, payload in events:
        if opcode == CLOSE:
            assert isinstance(payload, bytes)
            _check_close(payload)
        else:
            assert isinstance(payload, str if opcode == TEXT else bytes)
            assert opcode != BINARY or len(payload) <= MAX_MESSAGE_BYTES


def _check_close(payload: bytes) -> None:
    try:
        found = close_code(payload)
    except ProtocolViolation as error:
        found = error.code
    assert found == (reference.close_answer(payload) or 1005)
