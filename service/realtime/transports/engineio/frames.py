"""RFC 6455 frames: written once for many sockets, and read strictly.

Sections named below are those of RFC 6455.
"""

from typing import Final, NamedTuple

try:
    from websockets.speedups import apply_mask
except ImportError:  # the extension was not built for this platform
    from websockets.utils import apply_mask

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
MASKED: Final = 0x80
# Section 5.5: control frames must have a payload of 125 bytes or less, and must not be fragmented.
MAX_CONTROL_BYTES: Final = 125
# Section 7.4.1, and the IANA registry for 1012 to 1014; 3000 to 4999 are for libraries and applications.
_KNOWN_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

NORMAL_CLOSURE: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005  # never sent: it stands for a close frame without a code
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013


class ProtocolViolation(Exception):
    """The peer broke the protocol; `code` is what the websocket is closed with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Frame(NamedTuple):
    """What was read: a whole message (fragments joined; text as `str`), or a control frame (`bytes`)."""

    opcode: int
    payload: str | bytes


BETWEEN_FRAGMENTS: Final = Frame(CONTINUATION, b"")
# Of one message, before the reader lets its caller do something else: they may be empty, and come by the ten thousand.
FRAGMENTS_PER_CALL: Final = 16


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Write a frame as a server does: final, not masked, the length in its shortest form (section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((FIN | opcode, size)) + payload
    if size < 65_536:
        return bytes((FIN | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((FIN | opcode, 127)) + size.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Write a close frame; a reason that does not fit is cut."""
    text = reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text)


def payload_of(frame: bytes) -> bytes:
    """Cut the payload out of a frame that `encode_frame` has written."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]


def close_code(payload: bytes) -> int:
    """The code of a close frame's payload, 1005 if it has none. Raises `ProtocolViolation` (section 5.5.1)."""
    if not payload:
        return NO_STATUS
    if len(payload) == 1:
        raise ProtocolViolation(PROTOCOL_ERROR, "A close frame has no payload, or a code of two bytes.")
    code = int.from_bytes(payload[:2], "big")
    if code not in _KNOWN_CLOSE_CODES and not 3000 <= code <= 4999:
        raise ProtocolViolation(PROTOCOL_ERROR, "A close frame must not carry this code.")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(INVALID_DATA, "The reason in a close frame is not UTF-8.") from None
    return code


class FrameReader:
    """Reads a client's frames from chunks of any size.

    Holds at most one message of `max_message_bytes`, and what was fed behind it. Once it has raised, it is done.
    """

    __slots__ = ("_at", "_data", "_max_message_bytes", "_message", "_message_opcode")

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._data: bytes | bytearray = b""
        self._at = 0
        self._message_opcode = CONTINUATION  # of the message whose fragments are being read
        self._message: bytearray | None = None

    def feed(self, data: bytes) -> None:
        """Take what came from the network; then call `next` until it returns None."""
        if self._at == len(self._data):
            self._data = data
            self._at = 0
            return
        # A bytearray grows and loses its head without being copied each time.
        rest = self._data if isinstance(self._data, bytearray) else bytearray(self._data)
        del rest[: self._at]
        rest += data
        self._data = rest
        self._at = 0

    def next(self) -> Frame | None:
        """The next message or control frame; None when more bytes are needed. Raises `ProtocolViolation`.

        `BETWEEN_FRAGMENTS` when a message has so many fragments that others should have their turn; then call it again.
        """
        for _ in range(FRAGMENTS_PER_CALL):
            part = self._next_frame()
            if part is None:
                return None
            head, payload = part
            opcode = head & 0x0F
            if opcode >= CLOSE:
                return Frame(opcode, payload)
            if opcode != CONTINUATION and head & FIN:
                return _message(opcode, payload)
            if opcode == CONTINUATION:
                assert self._message is not None
                self._message += payload
                if head & FIN:
                    whole, self._message = self._message, None
                    return _message(self._message_opcode, bytes(whole))
            else:
                self._message_opcode = opcode
                self._message = bytearray(payload)
        return BETWEEN_FRAGMENTS

    def _next_frame(self) -> tuple[int, bytes] | None:
        data, at = self._data, self._at
        available = len(data) - at
        if available < 2:
            return None
        head, size = data[at], data[at + 1]
        self._check_head(head, size)
        size &= 0x7F
        start = at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if available < 2 + width:
                return None
            size = int.from_bytes(data[start : start + width], "big")
            start += width
            if size < 126 or (width == 8 and (size < 65_536 or size >> 63)):
                raise ProtocolViolation(PROTOCOL_ERROR, "A length is not in its shortest form, or is impossible.")
        # From the announcement, before anything of it is kept.
        if size + len(self._message or b"") > self._max_message_bytes and head & 0x0F < CLOSE:
            raise ProtocolViolation(MESSAGE_TOO_BIG, f"A message may have {self._max_message_bytes} bytes.")
        body = start + 4
        if len(data) < body + size:
            return None
        self._at = body + size
        return head, apply_mask(data[body : body + size], bytes(data[start:body]))

    def _check_head(self, head: int, size: int) -> None:
        opcode = head & 0x0F
        if head & 0x70:
            raise ProtocolViolation(PROTOCOL_ERROR, "A reserved bit is set, and no extension was agreed on.")
        if not size & MASKED:
            raise ProtocolViolation(PROTOCOL_ERROR, "A client's frames must be masked.")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise ProtocolViolation(PROTOCOL_ERROR, "An opcode is reserved.")
            if not head & FIN or size & 0x7F > MAX_CONTROL_BYTES:
                raise ProtocolViolation(PROTOCOL_ERROR, "A control frame is fragmented, or longer than 125 bytes.")
        elif opcode > BINARY:
            raise ProtocolViolation(PROTOCOL_ERROR, "An opcode is reserved.")
        elif (opcode == CONTINUATION) != (self._message is not None):
            raise ProtocolViolation(PROTOCOL_ERROR, "A message began inside another, or a fragment belongs to none.")


def _message(opcode: int, payload: bytes) -> Frame:
    if opcode == BINARY:
        return Frame(BINARY, payload)
    try:
        return Frame(TEXT, payload.decode())
    except UnicodeDecodeError:
        raise ProtocolViolation(INVALID_DATA, "A text is not UTF-8.") from None
