"""Reading what is sent to clients, with python-socketio's own parser and stricter than any browser."""

import json
from typing import Any

from socketio import packet


def read_packet(encoded: bytes) -> tuple[str, dict[str, Any]]:
    """Read an EVENT packet of the default namespace: the message's name and its data."""
    read = packet.Packet(encoded_packet=encoded.decode())
    assert (read.packet_type, read.namespace, read.id, read.attachment_count) == (packet.EVENT, None, None, 0)
    name, data = json.loads(encoded[1:], object_pairs_hook=_without_repetition, parse_constant=_refuse)
    assert [name, data] == read.data
    assert isinstance(name, str)
    assert isinstance(data, dict)
    return name, data


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), f"a field is written twice: {pairs}"
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
