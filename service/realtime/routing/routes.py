"""The one table: which event becomes which messages."""

from realtime.events.envelope import Event
from realtime.events.inventory import InventoryUpdated
from realtime.events.order import OrderCancelled, OrderCreated, OrderUpdated
from realtime.events.product import ProductCreated, ProductUpdated
from realtime.protocol.messages import Message
from realtime.routing.inventory import route_inventory_updated
from realtime.routing.orders import route_order_cancelled, route_order_created, route_order_updated
from realtime.routing.products import route_product_created, route_product_updated


class Router:
    """Decides who is told what. `low_stock_threshold` counts where an event names none."""

    def __init__(self, low_stock_threshold: int) -> None:
        self._low_stock_threshold = low_stock_threshold

    def route(self, event: Event) -> tuple[Message, ...]:
        """Turn an event into the messages that tell of it, in the order in which they are to be sent."""
        match event.fact:
            case OrderCreated() as fact:
                return route_order_created(event, fact)
            case OrderUpdated() as fact:
                return route_order_updated(event, fact)
            case OrderCancelled() as fact:
                return route_order_cancelled(event, fact)
            case InventoryUpdated() as fact:
                return route_inventory_updated(event, fact, self._low_stock_threshold)
            case ProductCreated() as fact:
                return route_product_created(event, fact)
            case ProductUpdated() as fact:
                return route_product_updated(event, fact)
            case unrouted:
                # A fact in the catalog without a route is our own omission, held by a test.
                raise TypeError(f"no route for {type(unrouted).__name__}")
