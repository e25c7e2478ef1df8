"""Topics of one test's own, and the few things that tests do with them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import RecordMetadata

from parts.kafka import Kafka
from parts.waiting import eventually

EVENT_TOPICS = (
    "order.created",
    "order.updated",
    "order.cancelled",
    "inventory.updated",
    "product.created",
    "product.updated",
)
DEAD_LETTERS = "realtime.dead-letters"


class Topics:
    """The topics and the consumer group of one test, told from those of other tests on the same broker by a prefix."""

    def __init__(self, kafka: Kafka, prefix: str) -> None:
        self.kafka = kafka
        self.prefix = prefix

    def name(self, topic: str) -> str:
        """Give a topic's name on the broker: order.created -> t1f0c.order.created."""
        return f"{self.prefix}.{topic}"

    @property
    def group_id(self) -> str:
        """The consumer group of this test's pods: in a shared one they would wait for the killed pods of others."""
        return self.name("realtime-service-group")

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a pod that reads these topics."""
        topics = {f"REALTIME_KAFKA__TOPICS__{t.replace('.', '_').upper()}": self.name(t) for t in EVENT_TOPICS}
        return topics | {
            "REALTIME_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "REALTIME_KAFKA__GROUP_ID": self.group_id,
            "REALTIME_KAFKA__DEAD_LETTER_TOPIC": self.name(DEAD_LETTERS),
        }

    async def create(self, *topics: str, partitions: int = 3) -> None:
        """Create topics, all that a pod uses when none is named, and wait until each partition has a leader."""
        names = [self.name(topic) for topic in topics or (*EVENT_TOPICS, DEAD_LETTERS)]
        async with self._admin() as admin:
            reply = await admin.create_topics([NewTopic(name, partitions, replication_factor=1) for name in names])
            refused = {name: code for name, code, *_ in reply.topic_errors if code}
            assert not refused, f"Kafka refused to create topics (name: error code): {refused}"

            async def all_led() -> bool:
                described = [p for t in await admin.describe_topics(names) for p in t["partitions"]]
                led = [partition for partition in described if partition["leader"] >= 0]
                return len(led) == partitions * len(names)

            await eventually(all_led, 10, f"every partition of {', '.join(names)} has a leader")

    async def delete(self, *topics: str) -> None:
        """Delete topics, or all of this test: some thousand partitions left over would slow the broker down."""
        async with self._admin() as admin:
            names = [self.name(topic) for topic in topics] or [
                name for name in await admin.list_topics() if name.startswith(f"{self.prefix}.")
            ]
            await admin.delete_topics(names)

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """Give a producer for many records; see `produce` for one."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def produce(
        self,
        topic: str,
        value: bytes | Mapping[str, object] | None,
        *,
        key: str | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> RecordMetadata:
        """Write one record, a mapping as JSON, and return where it is."""
        async with self.producer() as producer:
            return await producer.send_and_wait(
                self.name(topic),
                value if value is None or isinstance(value, bytes) else json.dumps(value).encode(),
                key=None if key is None else key.encode(),
                headers=list(headers),
                partition=partition,
            )

    async def read(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Return all that the topic holds now, partition by partition."""
        name = self.name(topic)
        async with self._admin() as admin:
            (described,) = await admin.describe_topics([name])
        partitions = [TopicPartition(name, partition["partition"]) for partition in described["partitions"]]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap_servers, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            records: list[ConsumerRecord[bytes, bytes]] = []
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    records += (await consumer.getmany(partition, timeout_ms=500)).get(partition, [])
            return records
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()
