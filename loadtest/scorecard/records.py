"""The records of all rows: the same for everybody, with the headers that one of them routes by."""

import itertools
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer

from bench.pods import INVENTORY_UPDATED, ORDER_UPDATED
from parts.topics import Topics

PARTITIONS: Final = 6
# The number of an order stands behind the one, the time at which it was made behind the other; text, as products' are.
ORDER_KEY: Final = '"orderId":"'
PRODUCT_KEY: Final = '"productId":"'
STAMP_KEY: Final = '"trackingNumber":"'
# Of each record: to the order's followers, to its owner, to the admins, of whom none is here.
MESSAGES: Final = 3
ARRIVING: Final = 2
CHANNELS_HEADER: Final = "centrifugo-channels"


@dataclass(frozen=True)
class Records:
    """Writes numbered records for users, each user's in one partition; `numbers` are the last of each user's."""

    producer: AIOKafkaProducer
    topics: Topics
    users: Sequence[int]
    numbers: dict[int, int] = field(default_factory=dict)

    @property
    def written(self) -> int:
        """How many orders so far."""
        return sum(self.numbers.values())

    async def order(self, user: int) -> None:
        """Write the next order of a user."""
        number = self.numbers.get(user, 0) + 1
        name = f"user-{user}"
        value = {
            "orderId": str(number),
            "buyerId": name,
            "status": "shipped",
            "previousStatus": "packed",
            "totalAmount": 149.9,
            "trackingNumber": str(time.monotonic_ns()),
            "updatedAt": "2026-11-24T08:00:00Z",
        }
        channels = f"orders:#{name},user:#{name},admin:dashboard"
        await self._send(ORDER_UPDATED, value, channels, user % PARTITIONS)
        self.numbers[user] = number

    async def inventory(self, number: int) -> None:
        """Write that the stock of a product changed, of another one each time."""
        value = {
            "productId": str(number),
            "stock": 500,
            "previousStock": 501,
            "sku": "ACME-2026-Q4",
            "productName": "A thing that people buy",
            "updatedAt": "2026-11-24T08:00:00Z",
        }
        await self._send(INVENTORY_UPDATED, value, f"inventory:updates,product:{number},admin:dashboard", 0)

    async def orders(self, count: int) -> None:
        """Write so many, user after user, as fast as can be."""
        write = self.in_turn()
        for _ in range(count):
            await write()
        await self.producer.flush()

    def in_turn(self) -> Callable[[], Awaitable[None]]:
        """Return what writes an order at each call, user after user; for `tool.producer`."""
        users = itertools.cycle(self.users)

        async def write() -> None:
            await self.order(next(users))

        return write

    async def _send(self, topic: str, value: dict[str, object], channels: str, partition: int) -> None:
        await self.producer.send(
            self.topics.name(topic),
            json.dumps(value, separators=(",", ":")).encode(),
            headers=[(CHANNELS_HEADER, channels.encode())],
            partition=partition,
        )
