"""Records as a shop's producers write them: the same ones in each run."""

import json
import random
from collections.abc import Sequence
from typing import Final

from realtime.events.catalog import FACTS
from realtime.intake.decode import Decoder
from realtime.intake.record import Partition, Record

RECORDS: Final = 1_000
BUYERS: Final = 200
NOON_MS: Final = 1_795_428_000_000
STATES: Final = ("confirmed", "processing", "packed", "shipped", "delivered")


def order_records() -> Sequence[Record]:
    """`order.updated` of a few hundred orders, each of which comes to three messages in one room each."""
    chance = random.Random(1)  # noqa: S311 - a choice of words, not a secret
    partition = Partition("order.updated", 3)
    records = []
    for offset in range(RECORDS):
        order = {
            "orderId": f"o-{offset % 300}",
            "buyerId": f"user-{offset % BUYERS}",
            "status": chance.choice(STATES),
            "previousStatus": "packed",
            "totalAmount": 39.5,
            "trackingNumber": f"1Z{offset}",
            "updatedAt": "2026-11-23T10:00:00Z",
        }
        # Some records to a millisecond, as when there is much to do.
        records.append(Record(partition, offset, NOON_MS + offset // 7, b"key", json.dumps(order).encode()))
    return records


def make_decoder() -> Decoder:
    """Make a decoder whose topics are called like their events."""
    return Decoder({event_type: event_type for event_type in FACTS}, max_bytes=100_000)
