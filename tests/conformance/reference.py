"""The protocols once more, slow and obviously correct: what the fuzzers compare the product with.

Written from the documents, over whole inputs, without a thought for speed.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from conformance.raw import SENDABLE_CLOSE_CODES, Opcode, masked_payload

PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009


@dataclass
class Read:
    """What a stream of a client's frames says."""

    events: list[tuple[int, str | bytes]] = field(default_factory=list)
    """Whole messages and control frames, in order: opcode and payload (text as `str`)."""
    violation: int | None = None
    """The close code for what breaks the protocol behind them; nothing is read further."""


def read_frames(data: bytes, max_message_bytes: int) -> Read:
    """Read a client's frames (RFC 6455 sections 5.2 to 5.6, 7.4.1, 8.1), as far as they have come."""
    read = Read()
    message: list[bytes] | None = None
    message_opcode = 0
    at = 0
    while len(data) - at >= 2:
        first, second = data[at], data[at + 1]
        opcode, is_final, is_control = first & 0x0F, bool(first & 0x80), bool(first & 0x08)
        length_bytes = {126: 2, 127: 8}.get(second & 0x7F, 0)
        is_wrong = (
            first & 0x70  # RSV
            or opcode not in set(Opcode)
            or not second & 0x80  # not masked
            or (is_control and (not is_final or length_bytes))
            or (opcode == Opcode.CONTINUATION and message is None)
            or (opcode in {Opcode.TEXT, Opcode.BINARY} and message is not None)
        )
        if is_wrong:
            read.violation = PROTOCOL_ERROR
            return read
        length = second & 0x7F
        at += 2
        if length_bytes:
            if len(data) - at < length_bytes:
                return read
            length = int.from_bytes(data[at : at + length_bytes], "big")
            at += length_bytes
            if length >= 1 << 63 or length < 126 or (length_bytes == 8 and length < 1 << 16):
                read.violation = PROTOCOL_ERROR
                return read
        if not is_control and sum(map(len, message or [])) + length > max_message_bytes:
            read.violation = TOO_BIG
            return read
        if len(data) - at < 4 + length:
            return read
        payload = masked_payload(data[at + 4 : at + 4 + length], data[at : at + 4])
        at += 4 + length
        if is_control:
            read.events.append((opcode, payload))
            continue
        message_opcode = opcode or message_opcode
        message = [*(message or []), payload]
        if is_final:
            whole, message = b"".join(message), None
            try:
                read.events.append((message_opcode, whole.decode() if message_opcode == Opcode.TEXT else whole))
            except UnicodeDecodeError:
                read.violation = INVALID_DATA
                return read
    return read


def close_answer(payload: bytes) -> int | None:
    """The code that answers a close frame with that payload; None for an empty one (section 5.5.1)."""
    if not payload:
        return None
    if len(payload) == 1 or int.from_bytes(payload[:2], "big") not in SENDABLE_CLOSE_CODES:
        return PROTOCOL_ERROR
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return INVALID_DATA
    return int.from_bytes(payload[:2], "big")


@dataclass(frozen=True)
class SocketIOPacket:
    """A Socket.IO packet."""

    type: int
    namespace: str
    id: int | None
    data: Any
    attachments: int


class Wrong(Exception):
    """Not a packet."""


CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)
MAX_ATTACHMENTS = 10
# An id that JavaScript can count exactly.
MAX_ID_DIGITS = 16
DIGITS = re.compile("[0-9]+")


def read_packet(packet: str) -> SocketIOPacket:
    """Read a client's packet, character by character as socket.io-parser does. Raises `Wrong`."""
    if packet[:1] not in {"0", "1", "2", "3", "4", "5", "6"}:
        raise Wrong("type")
    kind, rest = int(packet[0]), packet[1:]
    attachments = 0
    if kind in {BINARY_EVENT, BINARY_ACK}:
        count, dash, rest = rest.partition("-")
        if not dash or not DIGITS.fullmatch(count) or len(count) > MAX_ID_DIGITS or int(count) > MAX_ATTACHMENTS:
            raise Wrong("attachments")
        attachments = int(count)
    namespace = "/"
    if rest.startswith("/"):
        namespace, _, rest = rest.partition(",")
    ack_id = None
    if digits := DIGITS.match(rest):
        if len(digits[0]) > MAX_ID_DIGITS:
            raise Wrong("id")
        ack_id, rest = int(digits[0]), rest[digits.end() :]
    data = _json(rest) if rest else None
    if not _is_valid(kind, bool(rest), data) or (kind in {ACK, BINARY_ACK} and ack_id is None):
        raise Wrong("payload")
    if not attachments:  # "binary" without attachments is not
        kind = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}.get(kind, kind)
    return SocketIOPacket(kind, namespace.partition("?")[0], ack_id, data, attachments)


def _is_valid(kind: int, has_data: bool, data: Any) -> bool:
    if kind == CONNECT:
        return not has_data or isinstance(data, dict)
    if kind == DISCONNECT:
        return not has_data
    if kind in {EVENT, BINARY_EVENT}:
        is_list = isinstance(data, list) and bool(data)
        return is_list and isinstance(data[0], str | int) and not isinstance(data[0], bool)
    return isinstance(data, list) and kind != CONNECT_ERROR


def _json(written: str) -> Any:
    """Read JSON as RFC 8259 has it; what not everybody can represent is refused or made the same."""
    try:
        return _same(json.loads(written, parse_constant=_refuse))
    except (ValueError, RecursionError):
        raise Wrong("JSON") from None


def _same(value: Any) -> Any:
    if isinstance(value, list):
        return [_same(item) for item in value]
    if isinstance(value, dict):
        return {_same(key): _same(item) for key, item in value.items()}
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is refused
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        raise Wrong("infinite")
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 64:
        return float(value)
    return value


def _refuse(constant: str) -> None:
    raise Wrong(constant)
