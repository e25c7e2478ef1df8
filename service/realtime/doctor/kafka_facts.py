"""What is asked of Kafka, request by request, and what is known then. Nothing is written, joined or created.

What we may do is tried in ways that Kafka refuses after it has looked at our permissions: a record for a partition that
does not exist, a heartbeat of a member that nobody knows.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import DescribeConfigsRequest, DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from realtime.settings import KafkaSettings

Answer = TypeVar("Answer")

TOPIC_RESOURCE: Final = 2
EARLIEST, LATEST = -2, -1
FORBIDDEN_TOPIC: Final[str] = TopicAuthorizationFailedError.__name__
FORBIDDEN_GROUP: Final[str] = GroupAuthorizationFailedError.__name__
READ_COMMITTED: Final = 1
# No topic has so many.
NO_PARTITION: Final = 2**31 - 1
CLIENT_ID: Final = "realtime-doctor"
SETTLE_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.2
CONFIGS: Final = ("max.message.bytes", "min.insync.replicas", "cleanup.policy", "retention.ms")


@dataclass(frozen=True)
class Topic:
    """One of our topics. `error` is why Kafka tells nothing of it, be it only that there is none."""

    name: str
    error: str = ""
    leaders: Mapping[int, int] = field(default_factory=dict)  # of each partition; -1: none
    replicas: int = 0  # of the partition that has the fewest
    lagging: int = 0  # partitions of which some replica is not in sync
    configs: Mapping[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether it is there, and we may know it."""
        return not self.error

    @property
    def is_forbidden(self) -> bool:
        """Whether Kafka does not let us know."""
        return self.error == FORBIDDEN_TOPIC


@dataclass(frozen=True)
class Group:
    """Our consumer group."""

    state: str
    members: int = 0
    protocol: str = ""
    error: str = ""


class KafkaFacts:
    """Asks one Kafka; `open_kafka` connects."""

    def __init__(self, client: AIOKafkaClient, settings: KafkaSettings) -> None:
        self._client = client
        self._settings = settings

    async def unreachable_brokers(self) -> tuple[int, list[str]]:
        """How many brokers there are, and those whose advertised address we cannot reach."""
        brokers = self._client.cluster.brokers()
        ready = await asyncio.gather(*(self._client.ready(broker.nodeId) for broker in brokers))
        away = [f"{broker.host}:{broker.port}" for broker, is_ready in zip(brokers, ready, strict=True) if not is_ready]
        return len(brokers), away

    async def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        """Describe topics; none is created by asking."""
        reply = await self._ask(MetadataRequest(list(names), allow_auto_topic_creation=False))
        found = {topic["topic"]: _topic(topic) for topic in reply.to_object()["topics"]}
        configs = await self._configs([name for name, topic in found.items() if topic.exists])
        return {
            name: Topic(**{**vars(topic), "configs": configs.get(name, {})}) if topic.exists else topic
            for name, topic in found.items()
        }

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        # We may not be allowed to ask, and not every broker that speaks Kafka's protocol answers.
        try:
            reply = await self._ask(DescribeConfigsRequest([(TOPIC_RESOURCE, name, list(CONFIGS)) for name in names]))
        except KafkaError:
            return {}
        return {name: {entry[0]: entry[1] for entry in entries} for _, _, _, name, entries in reply.resources}

    async def offsets(self, topics: Iterable[Topic], at: int) -> dict[TopicPartition, int]:
        """Where each partition begins (`EARLIEST`) or ends (`LATEST`), as far as leaders tell."""
        by_leader: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for topic in topics:
            for partition, leader in topic.leaders.items():
                if leader >= 0:
                    by_leader[leader][topic.name].append((partition, at))
        found: dict[TopicPartition, int] = {}
        for leader, wanted in by_leader.items():
            reply = await self._client.send(leader, OffsetRequest(-1, READ_COMMITTED, list(wanted.items())))
            for name, partitions in reply.topics:
                found |= {TopicPartition(name, p): offset for p, code, _, offset, *_ in partitions if not code}
        return found

    async def read_newest(self, topic: Topic, ends: Mapping[TopicPartition, int]) -> tuple[str, float | None]:
        """Read the topic's last batch: the error's name, empty when we may; and its time in seconds."""
        led = [partition for partition, leader in topic.leaders.items() if leader >= 0]
        if not led:
            return "", None
        partition = max(led, key=lambda number: ends.get(TopicPartition(topic.name, number), 0))
        end = ends.get(TopicPartition(topic.name, partition), 0)
        place = (partition, max(0, end - 1), self._settings.fetch_max_bytes_per_partition)
        request = FetchRequest(0, 0, place[2], READ_COMMITTED, [(topic.name, [place])])

        async def read() -> tuple[int, bytes | None]:
            reply = await self._client.send(topic.leaders[partition], request)
            # The embedded broker says nothing of a topic in which there is nothing to read.
            if not reply.topics:
                return 0, None
            ((_, ((_, code, *_, records),)),) = reply.topics
            return code, records

        code, records = await _settled(read)
        return _name(code), _newest_seconds(records)

    async def try_to_write(self, topic: Topic) -> str:
        """Try, without writing anything; the name of the error, empty when we may."""
        batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000)
        batch.append(0, timestamp=time.time_ns() // 1_000_000, key=None, value=b"", headers=[])
        request = ProduceRequest(None, -1, 1_000, [(topic.name, [(NO_PARTITION, bytes(batch.build()))])])
        reply = await self._ask(request)
        (_, ((_, code, *_),)), *_ = reply.topics
        return "" if code == UnknownTopicOrPartitionError.errno else _name(code)

    async def group(self) -> Group:
        """Describe the group, and try whether we may be in it."""
        group_id = self._settings.group_id
        coordinator, error = await self._coordinator()
        if error:
            return Group("", error=error)
        beat = await self._client.send(coordinator, HeartbeatRequest(group_id, 0, CLIENT_ID))
        if beat.error_code == GroupAuthorizationFailedError.errno:
            return Group("", error=FORBIDDEN_GROUP)
        reply = await self._client.send(coordinator, DescribeGroupsRequest([group_id]))
        code, _, state, _, protocol, members, *_ = reply.groups[0]
        return Group(state, len(members), protocol, _name(code))

    async def committed(self, topics: Iterable[Topic]) -> dict[TopicPartition, int]:
        """What the group has committed."""
        coordinator, _ = await self._coordinator()
        wanted = [(topic.name, list(topic.leaders)) for topic in topics if topic.leaders]
        reply = await self._client.send(coordinator, OffsetFetchRequest(self._settings.group_id, wanted))
        return {
            TopicPartition(name, partition): offset
            for name, partitions in reply.topics
            for partition, offset, _, code in partitions
            if offset >= 0 and not code
        }

    async def _coordinator(self) -> tuple[int, str]:
        """Find the group's broker, and the error's name."""

        async def find() -> tuple[int, int]:
            found = await self._ask(FindCoordinatorRequest(self._settings.group_id, 0))
            return found.error_code, found.coordinator_id

        code, coordinator = await _settled(find)
        return coordinator, _name(code)

    async def _ask(self, request: Any) -> Any:
        return await self._client.send(self._client.get_random_node(), request)


async def _settled(ask: Callable[[], Awaitable[tuple[int, Answer]]]) -> tuple[int, Answer]:
    """Ask, again while the error is one that passes: of a Kafka that has never had a group, of a topic just created."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SETTLE_SECONDS
    while True:
        code, answer = await ask()
        if not code or not for_code(code).retriable or loop.time() > until:
            return code, answer
        await asyncio.sleep(AGAIN_SECONDS)


def _topic(described: Mapping[str, Any]) -> Topic:
    partitions = described["partitions"]
    return Topic(
        described["topic"],
        _name(described["error_code"]) or ("" if partitions else UnknownTopicOrPartitionError.__name__),
        {partition["partition"]: partition["leader"] for partition in partitions},
        min((len(partition["replicas"]) for partition in partitions), default=0),
        sum(len(partition["isr"]) < len(partition["replicas"]) for partition in partitions),
    )


def _name(code: int) -> str:
    return for_code(code).__name__ if code else ""


def _newest_seconds(records: bytes | None) -> float | None:
    newest = None
    batches = MemoryRecords(bytes(records or b""))
    while batches.has_next():
        batch = batches.next_batch()
        for record in batch or ():
            newest = max(newest or 0, record.timestamp or 0)
    return None if newest is None else newest / 1_000
