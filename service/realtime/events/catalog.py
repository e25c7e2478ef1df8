"""All events there are: each type's name, and the fact it holds."""

from types import MappingProxyType
from typing import Final

from realtime.events.fact import Fact
from realtime.events.inventory import InventoryUpdated
from realtime.events.order import OrderCancelled, OrderCreated, OrderUpdated
from realtime.events.product import ProductCreated, ProductUpdated

FACTS: Final = MappingProxyType[str, type[Fact]](
    {
        "order.created": OrderCreated,
        "order.updated": OrderUpdated,
        "order.cancelled": OrderCancelled,
        "inventory.updated": InventoryUpdated,
        "product.created": ProductCreated,
        "product.updated": ProductUpdated,
    }
)
