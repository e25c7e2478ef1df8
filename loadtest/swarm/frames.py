"""What a server sends on a websocket (RFC 6455 section 5.2), for clients that need no more: it never masks."""

import struct
from typing import Final

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SHORT: Final = 125
MASK: Final = b"\0\0\0\0"  # a legal mask of what clients send, under which text stays as it is


def take_frame(received: bytearray) -> tuple[bool, int, bytes] | None:
    """Take the first frame out of what was received: whether it is a message's last, its kind, what it carries."""
    if len(received) < 2:
        return None
    size, start = received[1] & 0x7F, 2
    if size > SHORT:
        width, form = (2, "!H") if size == SHORT + 1 else (8, "!Q")
        if len(received) < 2 + width:
            return None
        (size,) = struct.unpack_from(form, received, 2)
        start += width
    if len(received) < start + size:
        return None
    frame = bool(received[0] & 0x80), received[0] & 0x0F, bytes(received[start : start + size])
    del received[: start + size]
    return frame


def frame_of(kind: int, payload: bytes) -> bytes:
    """Make a frame of at most 64 KiB, as a client must send it."""
    size = len(payload)
    length = bytes([0x80 | size]) if size <= SHORT else b"\xfe" + struct.pack("!H", size)
    return bytes([0x80 | kind]) + length + MASK + payload
