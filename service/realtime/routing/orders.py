"""Order events: to their owner, as data and as a notification, and to the admins."""

from typing import Final

from realtime.events.envelope import Event
from realtime.events.order import OrderCancelled, OrderCreated, OrderFact, OrderUpdated
from realtime.protocol.messages import Message, Notification, Priority
from realtime.protocol.rooms import ADMIN_DASHBOARD, orders_room, user_room
from realtime.routing.announcing import announce

# status -> what its buyer reads of the order, and how much it matters to them
STATUS_SENTENCES: Final[dict[str, tuple[str, Priority]]] = {
    "pending": ("Order %s has been received and waits for confirmation.", Priority.NORMAL),
    "confirmed": ("Order %s is confirmed.", Priority.NORMAL),
    "paid": ("We have received the payment for order %s.", Priority.NORMAL),
    "payment_failed": ("The payment for order %s has failed.", Priority.URGENT),
    "processing": ("Order %s is being prepared.", Priority.NORMAL),
    "packed": ("Order %s is packed.", Priority.NORMAL),
    "shipped": ("Order %s is on its way.", Priority.HIGH),
    "out_for_delivery": ("Order %s arrives today.", Priority.HIGH),
    "delivered": ("Order %s has been delivered.", Priority.HIGH),
    "delayed": ("Order %s is delayed.", Priority.HIGH),
    "on_hold": ("Order %s is on hold.", Priority.HIGH),
    "cancelled": ("Order %s has been cancelled.", Priority.HIGH),
    "returned": ("Order %s has come back to us.", Priority.NORMAL),
    "refunded": ("Order %s has been refunded.", Priority.NORMAL),
    "failed": ("Order %s could not be completed.", Priority.URGENT),
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
    known = STATUS_SENTENCES.get(fact.status)
    if known is None:
        # Producers write states as they like: "Out for Delivery", OUT_FOR_DELIVERY.
        known = STATUS_SENTENCES.get(fact.status.strip().lower().replace(" ", "_").replace("-", "_"))
    if known is None:
        text, priority = f"Order {fact.order_id} is now: {fact.status}.", Priority.NORMAL
    else:
        sentence, priority = known
        text = sentence % fact.order_id
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
    announcement = announce(event, sentence, priority)
    parts = (fact, announcement)
    notification = Notification(
        event_id=event.id,
        title=title,
        message=sentence,
        priority=priority,
        timestamp=announcement.timestamp,
        type=event.type,
        order_id=fact.order_id,
    )
    return (
        Message(f"order:{verb}", (orders_room(fact.owner_id),), parts),
        Message("notification", (user_room(fact.owner_id),), (notification,)),
        Message(f"admin:order:{verb}", (ADMIN_DASHBOARD,), parts),
    )
