"""Numbered events, into Kafka at an even pace, and what Kafka holds of them afterwards."""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer

from chaos.ledger import EventId, Ledger
from parts.topics import Topics

TOPIC: Final = "order.updated"
ORDERS_PER_USER: Final = 2
STATES: Final = ("confirmed", "processing", "packed", "shipped", "delivered")


class Producer:
    """Writes `order.updated` events; each order's are numbered, and go to the partition of their key.

    Kafka's own idempotence keeps each there once and in order, also over a broker's restart, where the broker has it.
    """

    def __init__(self, topics: Topics, users: Sequence[str], ledger: Ledger, chance: random.Random) -> None:
        self._topics = topics
        self._ledger = ledger
        self._chance = chance
        self._keys = [key for user in users for key in self.keys_of(user)]
        self.last = dict.fromkeys(self._keys, 0)  # each order's last number
        self.sent = 0
        self._is_enough = asyncio.Event()

    def keys_of(self, user: str) -> list[str]:
        """A user's orders."""
        return [f"{user}.{order}" for order in range(1, ORDERS_PER_USER + 1)]

    def stop(self) -> None:
        """Let `run` return once it has sent as many as it must."""
        self._is_enough.set()

    async def run(self, per_second: float, at_least: int) -> None:
        """Send until stopped, each order's turn in a random order; return when Kafka has them all."""
        began, turn = time.monotonic(), 0
        async with self._connected() as kafka:
            while self.sent < at_least or not self._is_enough.is_set():
                if turn % len(self._keys) == 0:
                    self._chance.shuffle(self._keys)
                await self._send(kafka, self._keys[turn % len(self._keys)])
                turn += 1
                ahead_seconds = turn / per_second - (time.monotonic() - began)
                if ahead_seconds > 0:
                    await asyncio.sleep(ahead_seconds)
            await kafka.flush()

    async def send_one_of_each(self) -> None:
        """One more event of each order: who hears it has heard all before it, or never will."""
        async with self._connected() as kafka:
            for key in self._keys:
                await self._send(kafka, key)
            await kafka.flush()

    def _connected(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._topics.kafka.bootstrap_servers,
            acks="all",
            enable_idempotence=self._topics.kafka.keeps_data,
            request_timeout_ms=120_000,  # it outlasts every outage
            linger_ms=2,
        )

    async def _send(self, kafka: AIOKafkaProducer, key: str) -> None:
        self.last[key] += 1
        event = EventId(key, self.last[key])
        about = {"orderId": key, "buyerId": event.owner, "status": self._chance.choice(STATES)}
        self._ledger.sent_at[event] = time.monotonic()
        self.sent += 1
        await kafka.send(
            self._topics.name(TOPIC),
            json.dumps(about).encode(),
            key=key.encode(),
            headers=[("event-id", str(event).encode())],
        )

    async def read_back(self) -> None:
        """Write into the ledger what Kafka holds: that, and not what we meant to send, is the measure."""
        produced = defaultdict(list)
        for record in await self._topics.read(TOPIC):
            event = EventId.parse(dict(record.headers)["event-id"].decode())
            produced[event.key].append(event.number)
        self._ledger.produced = dict(produced)
