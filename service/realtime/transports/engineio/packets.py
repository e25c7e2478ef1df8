"""Engine.IO v4 packets, and how several share the body of a polling request.

https://github.com/socketio/engine.io-protocol
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from realtime.transports.engineio.frames import (
    BINARY,
    PROTOCOL_ERROR,
    TEXT,
    ProtocolViolation,
    encode_frame,
    payload_of,
)

OPEN: Final = "0"
CLOSE: Final = "1"
PING: Final = "2"
PONG: Final = "3"
MESSAGE: Final = "4"
UPGRADE: Final = "5"
NOOP: Final = "6"
PROBE_PING: Final = PING + "probe"
PROBE_PONG: Final = PONG + "probe"

SEPARATOR: Final = b"\x1e"
BASE64: Final = "b"  # begins a binary message where only text can be written
# python-engineio's clients refuse a payload of more packets than that (`Payload.max_decode_packets`).
MAX_PACKETS_IN_PAYLOAD: Final = 16

# What the server says of its own accord, as frames.
CLOSE_FRAME: Final = encode_frame(TEXT, CLOSE.encode())
PING_FRAME: Final = encode_frame(TEXT, PING.encode())
NOOP_PAYLOAD: Final = NOOP.encode()


def message_frame(message: str | bytes) -> bytes:
    """Write a message as a frame: text behind its packet type, binary alone."""
    return encode_frame(BINARY, message) if isinstance(message, bytes) else text_frame(message.encode())


def text_frame(message: bytes) -> bytes:
    """Write a text message, which is UTF-8 already, as a frame."""
    return encode_frame(TEXT, b"4" + message)


def encode_payload(frames: Iterable[bytes]) -> bytes:
    """Write frames as the body of a polling response."""
    return SEPARATOR.join(
        payload_of(frame) if frame[0] & 0x0F == TEXT else b"b" + base64.b64encode(payload_of(frame)) for frame in frames
    )


def decode_payload(body: bytes) -> list[str]:
    """Read the packets in the body of a polling request. Raises `ProtocolViolation`."""
    try:
        return body.decode().split(SEPARATOR.decode())
    except UnicodeDecodeError:
        raise ProtocolViolation(PROTOCOL_ERROR, "The body is not UTF-8.") from None


def decode_base64(packet: str) -> bytes:
    """Read a binary message that was written as text. Raises `ProtocolViolation`."""
    try:
        return base64.b64decode(packet[len(BASE64) :], validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolViolation(PROTOCOL_ERROR, "A binary message is not Base64.") from None
