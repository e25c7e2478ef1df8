"""A shop's services, as far as Kafka can tell: they publish facts about orders and stock."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from realtime.errors import KafkaUnavailable
from realtime.events.fact import Fact
from realtime.events.inventory import InventoryUpdated
from realtime.events.order import OrderCancelled, OrderCreated, OrderItem, OrderUpdated
from realtime.settings import KafkaSettings

SEND_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Product:
    """Something that the shop sells; at or below `low_stock_threshold` its admins are alerted."""

    product_id: str
    name: str
    price: float
    low_stock_threshold: int = 5


PRODUCTS: Final = (
    Product("espresso-machine", "Espresso machine", 389.00),
    Product("desk-lamp", "Desk lamp", 64.50),
    Product("trail-shoes", "Trail shoes", 129.90),
)


@dataclass(frozen=True, slots=True)
class Published:
    """A fact that Kafka has, and where: `event_id` is what the messages about it are called by."""

    type: str
    about: str
    """The order's id, or the product's."""
    buyer_id: str | None
    topic: str
    partition: int
    offset: int
    is_alert: bool = False
    """Whether it tells of little stock, or none."""

    @property
    def event_id(self) -> str:
        """The id of an event whose producer gives it none."""
        return f"{self.topic}:{self.partition}:{self.offset}"


class Shop:
    """Publishes facts, keyed by order or product, so that Kafka keeps the order of each. The producer is its owner's.

    Its methods return once Kafka has the fact, and raise `KafkaUnavailable` otherwise.
    """

    def __init__(self, producer: AIOKafkaProducer, settings: KafkaSettings) -> None:
        self._producer = producer
        self._topics = settings.topics.by_event()

    async def place_order(self, buyer_id: str) -> Published:
        """Somebody buys something."""
        order_id = f"o-{secrets.token_hex(3)}"
        product = secrets.choice(PRODUCTS)
        quantity = secrets.choice((1, 1, 1, 2, 3))
        item = OrderItem(product_id=product.product_id, name=product.name, quantity=quantity, price=product.price)
        fact = OrderCreated(
            order_id=order_id,
            buyer_id=buyer_id,
            status="pending",
            items=(item,),
            total_amount=round(product.price * quantity, 2),
            currency="EUR",
        )
        return await self._publish("order.created", fact, order_id, buyer_id)

    async def update_order(self, order_id: str, buyer_id: str, status: str, previous_status: str) -> Published:
        """An order is in another state."""
        fact = OrderUpdated(order_id=order_id, buyer_id=buyer_id, status=status, previous_status=previous_status)
        return await self._publish("order.updated", fact, order_id, buyer_id)

    async def cancel_order(self, order_id: str, buyer_id: str) -> Published:
        """An order will not be fulfilled."""
        fact = OrderCancelled(order_id=order_id, buyer_id=buyer_id, reason="the buyer has changed their mind")
        return await self._publish("order.cancelled", fact, order_id, buyer_id)

    async def set_stock(self, product: Product, stock: int) -> Published:
        """There is more or less of a product."""
        fact = InventoryUpdated(
            product_id=product.product_id,
            product_name=product.name,
            stock=stock,
            low_stock_threshold=product.low_stock_threshold,
        )
        is_alert = stock <= product.low_stock_threshold
        return await self._publish("inventory.updated", fact, product.product_id, is_alert=is_alert)

    async def _publish(
        self, event_type: str, fact: Fact, about: str, buyer_id: str | None = None, *, is_alert: bool = False
    ) -> Published:
        value = fact.model_dump_json(by_alias=True, exclude_none=True).encode()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                kept = await self._producer.send_and_wait(self._topics[event_type], value, key=about.encode())
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailable(f"Kafka has not taken it: {error!r}") from error
        return Published(event_type, about, buyer_id, kept.topic, kept.partition, kept.offset, is_alert)
