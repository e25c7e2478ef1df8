"""Order events -> what buyers and admins are told."""

from typing import Any

import pytest

from realtime.routing.orders import STATUS_SENTENCES
from unit.fakes import NOON
from unit.told import tell

ORDER = {"orderId": "o-1", "buyerId": "u-42"}


def told_to_the_buyer(event_type: str, **fields: Any) -> tuple[str, str]:
    """The sentence and the priority, which all messages of an event share."""
    messages = tell(event_type, **ORDER | fields)
    ((message, priority),) = {(data["message"], data["priority"]) for _, _, data in messages}
    return message, priority


def test_an_order_that_is_placed_is_told_to_its_buyer_and_to_the_admins() -> None:
    announced = {
        **ORDER,
        "status": "pending",
        "items": [{"productId": "p-9", "quantity": 2}],
        "totalAmount": 39.5,
        "currency": "EUR",
        "eventId": "e-1",
        "message": "Order o-1 for 39.50 EUR has been placed.",
        "priority": "normal",
        "timestamp": NOON,
    }
    fields = {key: announced[key] for key in ("status", "items", "totalAmount", "currency")}
    assert tell("order.created", **ORDER, **fields) == [
        ("order:created", ("orders:u-42",), announced),
        (
            "notification",
            ("user:u-42",),
            {
                "eventId": "e-1",
                "title": "Order placed",
                "message": "Order o-1 for 39.50 EUR has been placed.",
                "priority": "normal",
                "timestamp": NOON,
                "type": "order.created",
                "orderId": "o-1",
            },
        ),
        ("admin:order:created", ("admin:dashboard",), announced),
    ]


def test_an_order_that_moves_is_told_to_its_buyer_and_to_the_admins() -> None:
    announced = {
        **ORDER,
        "status": "shipped",
        "previousStatus": "packed",
        "trackingNumber": "1Z999",
        "eventId": "e-1",
        "message": "Order o-1 is on its way. Tracking number: 1Z999.",
        "priority": "high",
        "timestamp": NOON,
    }
    fields = {key: announced[key] for key in ("status", "previousStatus", "trackingNumber")}
    assert tell("order.updated", **ORDER, **fields) == [
        ("order:updated", ("orders:u-42",), announced),
        (
            "notification",
            ("user:u-42",),
            {
                "eventId": "e-1",
                "title": "Order update",
                "message": "Order o-1 is on its way. Tracking number: 1Z999.",
                "priority": "high",
                "timestamp": NOON,
                "type": "order.updated",
                "orderId": "o-1",
            },
        ),
        ("admin:order:updated", ("admin:dashboard",), announced),
    ]


def test_an_order_that_is_cancelled_is_told_to_its_buyer_and_to_the_admins() -> None:
    announced = {
        **ORDER,
        "reason": "out of stock.",
        "refundAmount": 39.5,
        "refundStatus": "pending",
        "eventId": "e-1",
        "message": "Order o-1 has been cancelled: out of stock. Refund: 39.50 (pending).",
        "priority": "high",
        "timestamp": NOON,
    }
    fields = {key: announced[key] for key in ("reason", "refundAmount", "refundStatus")}
    assert tell("order.cancelled", **ORDER, **fields) == [
        ("order:cancelled", ("orders:u-42",), announced),
        (
            "notification",
            ("user:u-42",),
            {
                "eventId": "e-1",
                "title": "Order cancelled",
                "message": "Order o-1 has been cancelled: out of stock. Refund: 39.50 (pending).",
                "priority": "high",
                "timestamp": NOON,
                "type": "order.cancelled",
                "orderId": "o-1",
            },
        ),
        ("admin:order:cancelled", ("admin:dashboard",), announced),
    ]


@pytest.mark.parametrize("event_type", ["order.created", "order.updated", "order.cancelled"])
@pytest.mark.parametrize("owner", [{"userId": "u-7"}, {"buyerId": "u-7"}, {"buyerId": "u-7", "userId": "u-8"}])
def test_an_order_is_told_to_its_owner_and_to_no_other_user(event_type: str, owner: dict[str, str]) -> None:
    told = tell(event_type, orderId="o-1", status="paid", **owner)
    assert {room for _, rooms, _ in told for room in rooms} == {"orders:u-7", "user:u-7", "admin:dashboard"}


SENTENCES = {
    "pending": ("Order o-1 has been received and waits for confirmation.", "normal"),
    "confirmed": ("Order o-1 is confirmed.", "normal"),
    "paid": ("We have received the payment for order o-1.", "normal"),
    "payment_failed": ("The payment for order o-1 has failed.", "urgent"),
    "processing": ("Order o-1 is being prepared.", "normal"),
    "packed": ("Order o-1 is packed.", "normal"),
    "shipped": ("Order o-1 is on its way.", "high"),
    "out_for_delivery": ("Order o-1 arrives today.", "high"),
    "delivered": ("Order o-1 has been delivered.", "high"),
    "delayed": ("Order o-1 is delayed.", "high"),
    "on_hold": ("Order o-1 is on hold.", "high"),
    "cancelled": ("Order o-1 has been cancelled.", "high"),
    "returned": ("Order o-1 has come back to us.", "normal"),
    "refunded": ("Order o-1 has been refunded.", "normal"),
    "failed": ("Order o-1 could not be completed.", "urgent"),
}


def test_every_known_status_is_tested_here() -> None:
    assert SENTENCES.keys() == STATUS_SENTENCES.keys()


@pytest.mark.parametrize("status", SENTENCES)
def test_a_known_status_has_a_sentence_and_a_priority(status: str) -> None:
    assert told_to_the_buyer("order.updated", status=status) == SENTENCES[status]


@pytest.mark.parametrize("spelling", ["Out for Delivery", "OUT_FOR_DELIVERY", "out-for-delivery", " out_for_delivery "])
def test_a_status_is_known_in_whatever_way_it_is_written(spelling: str) -> None:
    assert told_to_the_buyer("order.updated", status=spelling)[0] == "Order o-1 arrives today."


@pytest.mark.parametrize("status", ["In Klärung", "{order_id}", "%s", "{0.__class__}"])
def test_an_unknown_status_is_told_as_it_is_written(status: str) -> None:
    assert told_to_the_buyer("order.updated", status=status) == (f"Order o-1 is now: {status}.", "normal")


def test_an_order_id_is_told_as_it_is_written_whatever_is_in_it() -> None:
    (_, _, data), *_ = tell("order.updated", orderId="{status}", buyerId="u", status="paid")
    assert data["message"] == "We have received the payment for order {status}."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Order o-1 has been placed."),
        ({"totalAmount": 39}, "Order o-1 for 39.00 has been placed."),
        ({"totalAmount": 0.005, "currency": "EUR"}, "Order o-1 for 0.01 EUR has been placed."),
        ({"totalAmount": 0}, "Order o-1 for 0.00 has been placed."),
        ({"currency": "EUR"}, "Order o-1 has been placed."),
    ],
)
def test_a_placed_order_tells_its_amount_if_it_has_one(fields: dict[str, Any], sentence: str) -> None:
    assert told_to_the_buyer("order.created", **fields) == (sentence, "normal")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Order o-1 has been cancelled."),
        ({"reason": ""}, "Order o-1 has been cancelled."),
        ({"reason": "no stock"}, "Order o-1 has been cancelled: no stock."),
        ({"refundAmount": 0}, "Order o-1 has been cancelled. Refund: 0.00."),
        ({"refundAmount": 5, "refundStatus": "paid"}, "Order o-1 has been cancelled. Refund: 5.00 (paid)."),
        ({"refundStatus": "paid"}, "Order o-1 has been cancelled."),
    ],
)
def test_a_cancelled_order_tells_why_and_what_of_the_money(fields: dict[str, Any], sentence: str) -> None:
    assert told_to_the_buyer("order.cancelled", **fields) == (sentence, "high")
