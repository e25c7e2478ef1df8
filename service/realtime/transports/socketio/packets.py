"""Socket.IO v5 packets, read strictly.

https://github.com/socketio/socket.io-protocol; where that is silent, as `socket.io-parser` 4 does it.
"""

import json
import re
from typing import Any, Final

import orjson
from socketio import packet

# Of one packet; what has come of a packet waits in memory for the rest. The same limit as socket.io-parser's.
MAX_ATTACHMENTS: Final = 10
# Of lists and objects within each other: what is deeper cannot be written again by recursion.
MAX_DEPTH: Final = 100
# type, namespace, ack id, data; a binary type has the number of its attachments and a dash behind it.
_PACKET: Final = re.compile(r"(?:([0-4])|([56])([0-9]{1,10})-)(?:(/[^,]*),?)?([0-9]{1,16})?(.*)", re.DOTALL)


class FastJson:
    """JSON for python-socketio: orjson, and the standard library for what orjson does not write."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Write JSON without spaces. Raises `TypeError`."""
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            return json.dumps(value, separators=(",", ":"))  # numbers beyond 64 bits, keys that are not text

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        """Read JSON. Raises `ValueError`."""
        return orjson.loads(text)


class StrictPacket(packet.Packet):  # type: ignore[misc]
    """A packet that is what the protocol says, or raises `ValueError` in the client's words."""

    json = FastJson

    def decode(self, encoded_packet: str) -> int:
        """Read a packet; how many attachments follow. Raises `ValueError`."""
        parts = _PACKET.fullmatch(encoded_packet)
        if parts is None:
            raise ValueError("This is not a Socket.IO packet.")
        plain, binary, attachments, namespace, ack_id, data = parts.groups()
        self.packet_type = int(plain or binary)
        self.namespace = None if namespace is None else namespace.partition("?")[0]
        self.id = None if ack_id is None else int(ack_id)
        self.data = FastJson.loads(data) if data else None
        if data.count("[") + data.count("{") > MAX_DEPTH and _depth(self.data) > MAX_DEPTH:
            raise ValueError("This is nested too deeply.")
        count = int(attachments or 0)
        if count > MAX_ATTACHMENTS:
            raise ValueError(f"A packet may have {MAX_ATTACHMENTS} attachments.")
        if binary and not count:
            self.packet_type = packet.EVENT if self.packet_type == packet.BINARY_EVENT else packet.ACK
        self._check(has_data=bool(data))
        return count

    def _check(self, *, has_data: bool) -> None:
        match self.packet_type:
            case packet.CONNECT:
                if has_data and not isinstance(self.data, dict):
                    raise ValueError("A connection begins with an object, or nothing.")
            case packet.DISCONNECT:
                if has_data:
                    raise ValueError("A disconnection says nothing.")
            case packet.EVENT | packet.BINARY_EVENT:
                if not isinstance(self.data, list) or not self.data or type(self.data[0]) not in {str, int}:
                    raise ValueError("An event is a list that begins with its name.")
            case packet.ACK | packet.BINARY_ACK:
                if not isinstance(self.data, list) or self.id is None:
                    raise ValueError("An ack has an id and a list.")
            case packet.CONNECT_ERROR:
                raise ValueError("A client does not refuse a connection.")

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """Put the attachments in their places. Raises `ValueError`."""
        return cls._put_in_place(data, attachments)

    @classmethod
    def _put_in_place(cls, data: Any, attachments: list[bytes]) -> Any:
        if isinstance(data, list):
            return [cls._put_in_place(item, attachments) for item in data]
        if not isinstance(data, dict):
            return data
        if data.get("_placeholder") is not True:
            return {key: cls._put_in_place(value, attachments) for key, value in data.items()}
        number = data.get("num")
        if not isinstance(number, int) or not 0 <= number < len(attachments):
            raise ValueError("A placeholder names no attachment.")
        return attachments[number]


def _depth(data: Any) -> int:
    depth, level = 0, [data]
    while level:
        depth += 1
        containers = [list(item.values()) if isinstance(item, dict) else item for item in level if _is_container(item)]
        level = [item for container in containers for item in container]
    return depth - 1


def _is_container(item: Any) -> bool:
    return isinstance(item, dict | list)
