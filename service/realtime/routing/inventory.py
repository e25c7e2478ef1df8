"""Inventory events: to those who follow all products or this one, and to the admins; low and empty stock alerts."""

from realtime.events.envelope import Event
from realtime.events.inventory import InventoryUpdated
from realtime.protocol.messages import Message, Priority, StockAlert
from realtime.protocol.rooms import ADMIN_DASHBOARD, INVENTORY_UPDATES, product_room
from realtime.routing.announcing import announce


def route_inventory_updated(event: Event, fact: InventoryUpdated, default_threshold: int) -> tuple[Message, ...]:
    """Tell how much there is; alert the admins each time that it is little or nothing."""
    product = fact.product_name or fact.sku or fact.product_id
    threshold = default_threshold if fact.low_stock_threshold is None else fact.low_stock_threshold
    is_out, is_low = fact.stock == 0, fact.stock <= threshold
    sentence = f"{product} is out of stock." if is_out else f"{product}: {fact.stock} in stock."
    parts = (fact, announce(event, sentence, Priority.HIGH if is_out else Priority.LOW))
    # Who is behind wants to know how much there is, not how much there was.
    key = f"inventory:{fact.product_id}"
    messages = [
        Message("inventory:updated", (INVENTORY_UPDATES, product_room(fact.product_id)), parts, key),
        # A key of its own: an admin may hear both.
        Message("admin:inventory:updated", (ADMIN_DASHBOARD,), parts, f"admin:{key}"),
    ]
    if is_low or is_out:
        alert = StockAlert(alert="out" if is_out else "low", threshold=threshold)
        sentence = sentence if is_out else f"{product} is running low: {fact.stock} left."
        announcement = announce(event, sentence, Priority.URGENT if is_out else Priority.HIGH)
        messages.append(Message("admin:inventory:alert", (ADMIN_DASHBOARD,), (fact, alert, announcement)))
    return tuple(messages)
