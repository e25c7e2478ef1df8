"""The one table: which event becomes which messages."""

from collections.abc import Callable
from functools import partial
from typing import Any

from realtime.events.envelope import Event
from realtime.events.fact import Fact
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
        self._routes: dict[type[Fact], Callable[[Event, Any], tuple[Message, ...]]] = {
            OrderCreated: route_order_created,
            OrderUpdated: route_order_updated,
            OrderCancelled: route_order_cancelled,
            InventoryUpdated: partial(route_inventory_updated, default_threshold=low_stock_threshold),
            ProductCreated: route_product_created,
            ProductUpdated: route_product_updated,
        }

    def route(self, event: Event) -> tuple[Message, ...]:
        """Turn an event into the messages that tell of it, in the order in which they are to be sent."""
        for kind in type(event.fact).__mro__:  # its own, or that of what it extends
            route = self._routes.get(kind)
            if route is not None:
                return route(event, event.fact)
        # A fact in the catalog without a route is our own omission, held by a test.
        raise TypeError(f"no route for {type(event.fact).__name__}")
