"""Texts for Socket.IO's parser: packets, mostly right, changed here and there."""

import json
from typing import Any

from conformance import reference
from conformance.source import Source
from realtime.transports.socketio.packets import StrictPacket

COUNTS = [*["1-"] * 6, "0-", "1-", "2-", "10-", "11-", "-", "", "x-", "1", "-1-", "01-", "1.0-"]
NAMESPACES = [*[""] * 8, "/,", "/custom,", "/custom", "/a?b=1,", ",", "/κ,", "//,,"]
IDS = [*[""] * 6, "0", "1", "17", "007", "-1", "9" * 16, "9" * 17, "9" * 30, "1.5", "a", "٣"]
WRITTEN = [*[None] * 12, "", "[", "[]", "{}", "[NaN]", '["a"]x', "[1e999]", " []", '["\\ud800"]', "[" * 2_000]
NAMES = ["message", "message", "message-with-ack", "x", ""]
CHARACTERS = ["", *'0123456789-/,[]{}":\\ae.κ\x00']


def make_document(source: Source, depth: int = 0) -> Any:
    """Something that JSON can say."""
    match source.number(0, 7 if depth < 3 else 5):
        case 0:
            return source.pick([None, True, False])
        case 1:
            return source.number(-(1 << 53), 1 << 53)
        case 2:
            return source.number(-1_000, 1_000) / 16
        case 3 | 4:
            return source.word(6)
        case 5:
            return {"_placeholder": True, "num": source.pick([0, 0, 0, 1, -1, True, 0.5, "0", None])}
        case 6:
            return [make_document(source, depth + 1) for _ in range(source.number(0, 3))]
        case _:
            return {source.word(3): make_document(source, depth + 1) for _ in range(source.number(0, 3))}


def make_packet(source: Source) -> str:
    """One packet, mostly right."""
    kind = source.pick("0011222223334555666679a ")
    attachments = source.pick(COUNTS) if kind in "56" or not source.number(0, 50) else ""
    written = source.pick(WRITTEN)
    if written is None:
        if kind in "2356" and source.number(0, 9):
            name = source.pick(NAMES) if source.number(0, 9) else make_document(source)
            data = [name, *(make_document(source) for _ in range(source.number(0, 2)))]
        else:
            data = make_document(source)
        written = json.dumps(data, ensure_ascii=source.number(0, 1) == 1)
    packet = kind + attachments + source.pick(NAMESPACES) + source.pick(IDS) + written
    for _ in range(source.pick([0, 0, 0, 0, 1, 2])):
        at = source.number(0, max(0, len(packet) - 1))
        packet = packet[:at] + source.pick(CHARACTERS) + packet[at + 1 :]
    return packet


make = make_packet


def check(packet: str) -> None:
    """The parser finds what the reference finds, and refuses what it refuses."""
    found, refusal = _parse(packet)
    expected, reason = _parse_by_reference(packet)
    assert found == expected, (
        f"{packet!r}: {f'refused, {refusal}' if found is None else f'taken, in spite of its {reason}'}"
    )


def _parse_by_reference(packet: str) -> tuple[reference.SocketIOPacket | None, str]:
    try:
        return reference.read_packet(packet), ""
    except reference.Wrong as wrong:
        return None, str(wrong)


def _parse(packet: str) -> tuple[reference.SocketIOPacket | None, str]:
    if not packet:
        return None, "the caller refuses that"
    try:
        read = StrictPacket(encoded_packet=packet)
    except ValueError as error:
        return None, str(error)
    kind, namespace, attachments = read.packet_type, read.namespace or "/", read.attachment_count
    return reference.SocketIOPacket(kind, namespace, read.id, read.data, attachments), ""
