"""Numbered events at a fixed pace: orders, one user's each, or stock that everybody follows."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer

from parts.topics import Topics
from tool.producer import paced

ORDERS: Final = "order.updated"
STOCK: Final = "inventory.updated"
# What an order tells beside its number: about as much as a shop's does.
ORDER: Final = {
    "status": "shipped",
    "previousStatus": "packed",
    "totalAmount": 149.9,
    "trackingNumber": "Z-00314159",
    "updatedAt": "2026-11-24T08:00:00Z",
}
PRODUCT: Final = {"productName": "A pot of tea", "sku": "TEA-4711", "lowStockThreshold": 0}


@dataclass
class Produced:
    """The events of one phase, by number: when it was handed to the producer (monotonic), its partition, its user."""

    sent_at: dict[int, float] = field(default_factory=dict)
    partition: dict[int, int] = field(default_factory=dict)
    by_user: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def numbers(self) -> list[int]:
        """All of them, in their order."""
        return list(self.sent_at)


class Producer:
    """Writes to the topics of one step. Numbers go on from phase to phase; 0 is none of them."""

    def __init__(self, topics: Topics, kafka: AIOKafkaProducer, users: int, partitions: int) -> None:
        self._topics = topics
        self._kafka = kafka
        self._users = users
        self._partitions = partitions
        self._number = 0

    @asynccontextmanager
    async def producing(self, topic: str, events_per_second: float) -> AsyncIterator[Produced]:
        """Produce until the block ends, and until Kafka has acknowledged all."""
        produced = Produced()
        async with paced(lambda: self._write(topic, produced), events_per_second):
            yield produced
        await self._kafka.flush()

    async def produce_for(self, seconds: float, topic: str, events_per_second: float) -> Produced:
        """Produce for so long."""
        async with self.producing(topic, events_per_second) as produced:
            await asyncio.sleep(seconds)
        return produced

    async def _write(self, topic: str, produced: Produced) -> None:
        self._number += 1
        number, user = self._number, self._number % self._users
        if topic == ORDERS:
            # By hand: keys would fall on some partitions more often than on others.
            value, partition = ORDER | {"orderId": str(number), "buyerId": f"u-{user}"}, user % self._partitions
        else:
            value, partition = PRODUCT | {"productId": f"p-{number}", "stock": number}, 0
        encoded, sent_at = json.dumps(value, separators=(",", ":")).encode(), time.monotonic()
        await self._kafka.send(self._topics.name(topic), encoded, partition=partition)
        # Never before: what was not handed over is owed to nobody.
        produced.sent_at[number], produced.partition[number] = sent_at, partition
        if topic == ORDERS:
            produced.by_user[user].append(number)
