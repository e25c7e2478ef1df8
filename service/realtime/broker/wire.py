r"""How a delivery is written in a room's channel and in its history.

    1 7Qx2f0aB 4711 1763890000123 -
    2["order:updated",{"orderId":"o1", ...}]

The first line: the form's version, epoch, offset, when it occurred in Unix milliseconds, and the rarer fields as a
JSON object, or `-`. The rest is the finished packet. The publishing script writes the first three words, for only it
knows them; `encode` writes what follows. Plain text, so that redis-cli shows it to whoever looks at night.
"""

from collections.abc import Sequence
from typing import Final

import orjson
import structlog

from realtime.broker.base import Delivery, Publication

log = structlog.get_logger(__name__)

VERSION: Final = b"1"


def encode(publication: Publication, except_rooms: Sequence[str] = (), later_rooms: Sequence[str] = ()) -> bytes:
    """Write what follows the offset."""
    is_for_one = not except_rooms and not later_rooms
    if is_for_one and publication.conflation_key is None and publication.traceparent is None:
        return b"%d -\n%b" % (publication.occurred_ms, publication.packet)
    rare: dict[str, object] = {}
    if except_rooms:
        rare["exceptRooms"] = except_rooms
    if later_rooms:
        rare["laterRooms"] = later_rooms
    if publication.conflation_key is not None:
        rare["conflationKey"] = publication.conflation_key
    if publication.traceparent is not None:
        rare["traceparent"] = publication.traceparent
    return b"%d %b\n%b" % (publication.occurred_ms, orjson.dumps(rare), publication.packet)


def with_offset(epoch: str, offset: int, encoded: bytes) -> bytes:
    """Put the words in front that the publishing script puts in front."""
    return b"%b %b %d %b" % (VERSION, epoch.encode(), offset, encoded)


def decode(room: str, payload: bytes) -> Delivery:
    """Read a delivery. Raises `ValueError` for what `encode` did not write, or a newer version did."""
    head, newline, packet = payload.partition(b"\n")
    words = head.split(b" ", 4)
    if not newline or len(words) != 5 or words[0] != VERSION:
        raise ValueError("not a delivery of a version that we know")
    _, epoch, offset, occurred_ms, rare_json = words
    if not packet.isascii():
        packet.decode()  # browsers close a websocket on which text comes that is not UTF-8
    if rare_json == b"-":
        # Not `Delivery(...)`, which takes three times as long; this is done for each message that a pod hears.
        fields = (room, epoch.decode(), int(offset), packet, int(occurred_ms), (), None, None, ())
        return tuple.__new__(Delivery, fields)
    rare = orjson.loads(rare_json)
    if not isinstance(rare, dict):
        raise ValueError("the rare fields are not a JSON object")  # noqa: TRY004 - what was read is wrong, not how
    except_rooms, later_rooms = rare.get("exceptRooms", []), rare.get("laterRooms", [])
    texts = (rare.get("conflationKey", ""), rare.get("traceparent", ""))
    if not isinstance(except_rooms, list) or not isinstance(later_rooms, list):
        raise ValueError("a rare field is not what it should be")  # noqa: TRY004 - what was read is wrong, not how
    if not all(isinstance(text, str) for text in (*except_rooms, *later_rooms, *texts)):
        raise ValueError("a rare field is not what it should be")
    return Delivery(
        room,
        epoch.decode(),
        int(offset),
        packet,
        int(occurred_ms),
        tuple(except_rooms),
        rare.get("conflationKey"),
        rare.get("traceparent"),
        tuple(later_rooms),
    )


def read(room: str, payload: bytes) -> Delivery | None:
    """Read a delivery; None, and a line in the log, for one that is not ours, or of a newer version."""
    try:
        return decode(room, payload)
    except ValueError as error:
        # A pod must not fall over what anybody may publish, nor in a rolling upgrade gone wrong.
        log.error("unreadable_delivery", room=room, payload=payload[:80], error=str(error))  # noqa: TRY400
        return None


def order(delivery: Delivery) -> tuple[int, int]:
    """Sort deliveries as they were published; one message's rooms as it names them."""
    return delivery.offset, len(delivery.except_rooms)
