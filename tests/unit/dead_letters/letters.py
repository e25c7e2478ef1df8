"""Letters as they stand in the dead-letter topic."""

from collections.abc import Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord

from realtime.dead_letters.letter import Letter, Origin
from realtime.intake.record import Partition
from unit.fakes import NOON_MS

ORIGIN = Origin(Partition("order.created", 3), 4711, NOON_MS - 1)


def make_letter(**fields: Any) -> Letter:
    usual: dict[str, Any] = {
        "partition": 0,
        "offset": 17,
        "at_ms": NOON_MS,
        "origin": ORIGIN,
        "code": "unreadable_record",
        "reason": "the value is not JSON",
        "attempts": 1,
        "is_cut": False,
        "key": b"o-1",
        "value": b"{}",
        "headers": (),
    }
    return Letter(**usual | fields)


def make_stored(headers: Sequence[tuple[str, bytes | None]], value: bytes | None = b"{}") -> Any:
    return ConsumerRecord("dead", 0, 17, NOON_MS, 0, b"o-1", value, None, 1, 2, tuple(headers))
