"""The topics that the pods read: created where they are missing, and where a run begins in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from realtime.demo.errors import DemoFailed
from realtime.intake.connection import make_admin, make_consumer
from realtime.settings import KafkaSettings

CLIENT_ID: Final = "realtime-demo"
PARTITIONS: Final = 3
# Kafka's usual number; fewer where there are fewer brokers.
REPLICAS: Final = 3
LEADERS_TIMEOUT_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.05


@asynccontextmanager
async def reach_kafka(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give an admin client. Raises `KafkaError` or `OSError` when Kafka cannot be reached."""
    admin = make_admin(settings, CLIENT_ID)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def create_missing_topics(settings: KafkaSettings) -> list[str]:
    """Create those that do not exist, and return their names once each partition has a leader. Touches no other."""
    async with reach_kafka(settings) as admin:
        wanted = list(settings.topics.by_event().values())
        missing = sorted(set(wanted) - set(await admin.list_topics()))
        if missing:
            replicas = min(REPLICAS, len((await admin.describe_cluster())["brokers"]))
            reply = await admin.create_topics([NewTopic(name, PARTITIONS, replicas) for name in missing])
            refused = {name: code for name, code, *_ in reply.topic_errors if code}
            if refused:
                raise DemoFailed(f"Kafka refuses to create topics (topic: error code): {refused}")
        try:
            async with asyncio.timeout(LEADERS_TIMEOUT_SECONDS):
                while not await _all_are_led(admin, wanted):  # noqa: ASYNC110 - Kafka is asked, it does not tell
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise DemoFailed(f"no leader for some partition of {', '.join(wanted)}") from None
    return missing


async def begin_at_the_end(settings: KafkaSettings) -> None:
    """Commit the end of every partition for the run's group, which is new: what was there before is not its concern."""
    consumer: AIOKafkaConsumer = make_consumer(settings, CLIENT_ID)
    await consumer.start()
    try:
        async with reach_kafka(settings) as admin:
            described = await admin.describe_topics(list(settings.topics.by_event().values()))
        partitions = [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.commit({partition: OffsetAndMetadata(end, "") for partition, end in ends.items()})
    finally:
        await consumer.stop()


async def _all_are_led(admin: AIOKafkaAdminClient, topics: list[str]) -> bool:
    described = await admin.describe_topics(topics)
    partitions = [partition for topic in described for partition in topic["partitions"]]
    return len(described) == len(topics) and bool(partitions) and all(p["leader"] >= 0 for p in partitions)
