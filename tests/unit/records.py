"""Records as producers write them: for each type of event the least, and the most, that it may hold."""

import json
from typing import Any

from realtime.events.catalog import FACTS
from realtime.intake.decode import Decoder
from realtime.intake.record import Partition, Record
from unit.fakes import NOON_MS

EVENT_TYPES = tuple(FACTS)
MAX_BYTES = 10_000

_ORDER = {"orderId": "o-1", "buyerId": "u-42"}

LEAST: dict[str, dict[str, Any]] = {
    "order.created": _ORDER,
    "order.updated": _ORDER | {"status": "shipped"},
    "order.cancelled": _ORDER,
    "inventory.updated": {"productId": "p-9", "stock": 0},
    "product.created": {"productId": "p-9"},
    "product.updated": {"productId": "p-9"},
}

_PRODUCT = {
    "productId": "p-9",
    "name": "Tea pot",
    "sku": "TP-1",
    "price": 19.5,
    "category": "kitchen",
    "changes": {"price": {"from": 21, "to": 19.5}, "oldName": None},
    "createdAt": "2026-11-01",
    "updatedAt": "2026-11-23T10:00:00+01:00",
}

MOST: dict[str, dict[str, Any]] = {
    "order.created": _ORDER
    | {
        "userId": "u-43",
        "status": "pending",
        "items": [{"productId": "p-9", "sku": "TP-1", "name": "Tea pot", "quantity": 2, "price": 19.5}, {}],
        "totalAmount": 39,
        "currency": "EUR",
        "createdAt": "2026-11-23T10:00:00Z",
    },
    "order.updated": _ORDER
    | {
        "userId": "u-43",
        "status": "shipped",
        "previousStatus": "packed",
        "totalAmount": 39.5,
        "trackingNumber": "1Z999",
        "estimatedDelivery": "2026-11-25",
        "updatedAt": "2026-11-23T10:00:00Z",
    },
    "order.cancelled": _ORDER
    | {
        "userId": "u-43",
        "reason": "out of stock",
        "refundAmount": 39.5,
        "refundStatus": "pending",
        "cancelledAt": "2026-11-23T10:00:00Z",
    },
    "inventory.updated": {
        "productId": "p-9",
        "stock": 3,
        "previousStock": 4,
        "sku": "TP-1",
        "productName": "Tea pot",
        "lowStockThreshold": 5,
        "updatedAt": "2026-11-23T10:00:00Z",
    },
    "product.created": _PRODUCT,
    "product.updated": _PRODUCT,
}


def make_decoder(max_bytes: int = MAX_BYTES) -> Decoder:
    """Make a decoder whose topics are called like the events they carry."""
    return Decoder({event_type: event_type for event_type in EVENT_TYPES}, max_bytes)


def make_record(
    topic: str,
    value: object,
    headers: dict[str, bytes] | None = None,
    *,
    offset: int = 7,
    timestamp_ms: int = NOON_MS,
) -> Record:
    """Make a record; a value that is not bytes already, or None, is written as JSON."""
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return Record(Partition(topic, 3), offset, timestamp_ms, b"key", raw, headers or {})
