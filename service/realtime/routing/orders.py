"""Order events: to their owner, as data and as a notification, and to the admins."""

from typing import Final

from realtime.clock import iso_utc
from realtime.events.envelope import Event
from realtime.events.order import OrderCancelled, OrderCreated, OrderFact, OrderUpdated
from realtime.protocol.messages import Message, Notification, Priority
from realtime.protocol.rooms import ADMIN_DASHBOARD, orders_room, user_room
from realtime.routing.announcing import announce

# status -> what its buyer reads, and how much it matters to them
STATUS_SENTENCES: Final[dict[str, tuple[str, Priority]]] = {
    "pending": ("Order {order_id} has been received and waits for confirmation.", Priority.NORMAL),
    "confirmed": ("Order {order_id} is confirmed.", Priority.NORMAL),
    "paid": ("We have received the payment for order {order_id}.", Priority.NORMAL),
    "payment_failed": ("The payment for order {order_id} has failed.", Priority.URGENT),
    "processing": ("Order {order_id} is being prepared.", Priority.NORMAL),
    "packed": ("Order {order_id} is packed.", Priority.NORMAL),
    "shipped": ("Order {order_id} is on its way.", Priority.HIGH),
    "out_for_delivery": ("Order {order_id} arrives today.", Priority.HIGH),
    "delivered": ("Order {order_id} has been delivered.", Priority.HIGH),
    "delayed": ("Order {order_id} is delayed.", Priority.HIGH),
    "on_hold": ("Order {order_id} is on hold.", Priority.HIGH),
    "cancelled": ("Order {order_id} has been cancelled.", Priority.HIGH),
    "returned": ("Order {order_id} has come back to us.", Priority.NORMAL),
    "refunded": ("Order {order_id} has been refunded.", Priority.NORMAL),
    "failed": ("Order {order_id} could not be completed.", Priority.URGENT),
}


def route_order_created(event: Event, fact: OrderCreated) -> tuple[Message, ...]:
    """Tell the buyer and the admins that an order was placed."""
    amount = ""
    if fact.total_amount is not None:
        amount = f" for {fact.total_amount:.2f} {fact.currency or ''}".rstrip()
    return _tell(
        event,
        fact,
        "created",
        "Order placed",
        f"Order {fact.order_id}{amount} has been placed.",
        Priority.NORMAL,
    )


def route_order_updated(event: Event, fact: OrderUpdated) -> tuple[Message, ...]:
    """Tell the buyer and the admins how an order is doing."""
    # Producers write states as they like: "Out for Delivery", OUT_FOR_DELIVERY.
    status = fact.status.strip().lower().replace(" ", "_").replace("-", "_")
    sentence, priority = STATUS_SENTENCES.get(status, ("Order {order_id} is now: {status}.", Priority.NORMAL))
    text = sentence.format(order_id=fact.order_id, status=fact.status)
    if fact.tracking_number is not None:
        text += f" Tracking number: {fact.tracking_number}."
    return _tell(event, fact, "updated", "Order update", text, priority)


def route_order_cancelled(event: Event, fact: OrderCancelled) -> tuple[Message, ...]:
    """Tell the buyer and the admins that an order was cancelled, why, and what of the money."""
    text = f"Order {fact.order_id} has been cancelled."
    if fact.reason:
        text = f"Order {fact.order_id} has been cancelled: {fact.reason.rstrip('.')}."
    if fact.refund_amount is not None:
        text += f" Refund: {fact.refund_amount:.2f}"
        text += f" ({fact.refund_status})." if fact.refund_status else "."
    return _tell(event, fact, "cancelled", "Order cancelled", text, Priority.HIGH)


def _tell(
    event: Event, fact: OrderFact, verb: str, title: str, sentence: str, priority: Priority
) -> tuple[Message, ...]:
    parts = (fact, announce(event, sentence, priority))
    notification = Notification(
        event_id=event.id,
        title=title,
        message=sentence,
        priority=priority,
        timestamp=iso_utc(event.occurred_ms),
        type=event.type,
        order_id=fact.order_id,
    )
    return (
        Message(f"order:{verb}", (orders_room(fact.owner_id),), parts),
        Message("notification", (user_room(fact.owner_id),), (notification,)),
        Message(f"admin:order:{verb}", (ADMIN_DASHBOARD,), parts),
    )
