"""The shop's services: numbered events into Kafka, of those who are there to be told."""

import json
import random
import time
from typing import Any, ClassVar, Final

import gevent
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as KafkaProducer
from locust import User, constant, task

from swarm import crowd
from swarm.ledger import Written, event_id

TICK_SECONDS: Final = 0.05
FLUSH_SECONDS: Final = 15.0
STATES: Final = ("confirmed", "processing", "packed", "shipped", "delivered")
INVENTORY_PART: Final = 0.1
PRODUCTS: Final = 50
KIND: Final = "kafka"


class Producer(User):
    """One in each process: it sends for the people of its own."""

    # As many as there are workers: set when the run begins.
    fixed_count = 1
    wait_time = constant(0)
    is_wanted: ClassVar[bool] = True

    def on_start(self) -> None:
        """Connect."""
        options = crowd.now().options
        self._owed = 0.0
        self._last = time.monotonic()
        self._kafka = KafkaProducer(properties(options))
        self._topics = {topic: f"{options.topic_prefix}{topic}" for topic in ("order.updated", "inventory.updated")}

    @task
    def produce(self) -> None:
        """Send what is due since the last turn; nothing more once the run is over."""
        gevent.sleep(TICK_SECONDS)
        now, here = time.monotonic(), crowd.now()
        self._owed += (now - self._last) * here.options.events_per_second * here.events
        self._last = now
        if here.is_over:
            self._owed = 0.0
        people = list(here.people)
        while self._owed >= 1:
            self._owed -= 1
            if random.random() < INVENTORY_PART:
                product = f"product-{random.randrange(PRODUCTS)}-{here.name}"
                level = {"productId": product, "stock": random.randrange(100)}
                self._send("inventory.updated", product, level, here.stock)
            elif people:
                person = random.choice(people)
                order = crowd.order_of(person)
                change = {"orderId": order, "buyerId": person, "status": random.choice(STATES)}
                self._send("order.updated", order, change, here.orders)
        self._kafka.poll(0)

    def on_stop(self) -> None:
        """See that Kafka has what it was given."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while len(self._kafka) and time.monotonic() < deadline:
            self._kafka.poll(0)
            gevent.sleep(TICK_SECONDS)

    def _send(self, topic: str, key: str, about: dict[str, Any], written: Written) -> None:
        began = time.monotonic()
        number = written.begin(key, began)

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            written.end(key, number, is_taken=error is None)
            self._fire((time.monotonic() - began) * 1_000, None if error is None else KafkaException(error))

        try:
            self._kafka.produce(
                self._topics[topic],
                json.dumps(about).encode(),
                key.encode(),
                headers={"event-id": event_id(key, number).encode()},
                on_delivery=acknowledged,
            )
        except BufferError as full:
            written.take_back(key)
            self._fire(0.0, full)

    def _fire(self, milliseconds: float, failure: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type=KIND,
            name="produce",
            response_time=milliseconds,
            response_length=0,
            exception=failure,
            context={},
        )


def properties(options: Any) -> dict[str, str | bool | int]:
    """What librdkafka is told; `--kafka-property` goes before ours."""
    ours: dict[str, str | bool | int] = {
        "bootstrap.servers": options.kafka,
        "enable.idempotence": True,
        "linger.ms": 5,
        "message.timeout.ms": 30_000,
        "log_level": 2,
    }
    given = dict(one.split("=", 1) for one in options.kafka_property or ())
    return ours | given
