"""Frames as a client writes them."""

from websockets.utils import apply_mask

MASK = b"\x01\x02\x03\x04"


def client_frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Write a masked frame, its length in the shortest form."""
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 65_536:
        length = bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((0x80 | 127,)) + size.to_bytes(8, "big")
    return bytes(((0x80 if fin else 0) | opcode,)) + length + MASK + apply_mask(payload, MASK)


def client_text(text: str) -> bytes:
    return client_frame(1, text.encode())
