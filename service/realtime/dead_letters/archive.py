"""Reading the dead-letter topic, and what letters were made from."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from realtime.dead_letters.errors import CommandFailed
from realtime.dead_letters.filters import Filter
from realtime.dead_letters.letter import Letter, Origin, Replayed, read_letter, read_replayed
from realtime.intake.connection import make_admin, make_reader, stop_quietly
from realtime.settings import KafkaSettings

CLIENT_ID: Final = "realtime-dead-letters"
FETCH_TIMEOUT_MS: Final = 500
RECORDS_A_FETCH: Final = 2_000
MAX_BYTES: Final = "max.message.bytes"


@dataclass(frozen=True, slots=True)
class Found:
    """Letters that match, oldest first, at most as many as asked for; how many match; which were replayed."""

    letters: list[Letter]
    matching: int
    replayed: Mapping[Origin, Replayed]

    def replay_of(self, letter: Letter) -> Replayed | None:
        """Whether and where to it was replayed."""
        return None if letter.origin is None else self.replayed.get(letter.origin)


class Archive:
    """The dead-letter topic, and the topics that its letters come from; see `open_archive`."""

    def __init__(
        self,
        settings: KafkaSettings,
        consumer: AIOKafkaConsumer,
        partitions: Mapping[str, int],
        max_bytes: Mapping[str, int],
    ) -> None:
        self._topic = settings.dead_letter_topic
        self._patience_seconds = settings.request_timeout_seconds
        self._consumer = consumer
        self.partitions = partitions  # of each topic that exists
        self.max_bytes = max_bytes  # of a record in each topic, where Kafka tells

    async def find(
        self, wanted: Filter, newest: int | None, on_read: Callable[[int, int], None], *, with_values: bool = True
    ) -> Found:
        """Read the whole topic (from `wanted.since_ms` on); `on_read` is told how many records of how many are read.

        Without values the letters take little memory; `load` reads one again.
        """
        partitions = [TopicPartition(self._topic, number) for number in range(self.partitions[self._topic])]
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        if wanted.since_ms is not None:
            times = await self._consumer.offsets_for_times(dict.fromkeys(partitions, max(0, wanted.since_ms)))
            begins = {tp: ends[tp] if (found := times.get(tp)) is None else found.offset for tp in partitions}
        total = sum(ends[tp] - begins[tp] for tp in partitions)
        kept: dict[int, deque[Letter]] = {tp.partition: deque(maxlen=newest) for tp in partitions}
        replayed: dict[Origin, Replayed] = {}
        matching = 0
        async for records, left in self._read(begins, ends):
            for record in records:
                if (replay := read_replayed(record)) is not None:
                    replayed[replay[0]] = replay[1]
                    continue
                letter = read_letter(record)
                if wanted(letter):
                    matching += 1
                    kept[record.partition].append(letter if with_values else replace(letter, value=None))
            on_read(total - left, total)
        letters = sorted(chain.from_iterable(kept.values()), key=lambda letter: letter.at_ms)
        return Found(letters if newest is None else letters[-newest:], matching, replayed)

    async def load(self, partition: int, offset: int) -> Letter | None:
        """Read one letter; None if there is none at that place (any more)."""
        if partition >= self.partitions[self._topic]:
            return None
        record = await self._read_one(TopicPartition(self._topic, partition), offset)
        return None if record is None or read_replayed(record) is not None else read_letter(record)

    async def load_origin(self, origin: Origin) -> ConsumerRecord | None:
        """Read the record that a letter was made from; None if it is not there any more."""
        if origin.partition.number >= self.partitions.get(origin.partition.topic, 0):
            return None
        record = await self._read_one(TopicPartition(*origin.partition), origin.offset)
        return None if record is None or record.timestamp != origin.timestamp_ms else record

    async def _read_one(self, place: TopicPartition, offset: int) -> ConsumerRecord | None:
        begin = (await self._consumer.beginning_offsets([place]))[place]
        end = (await self._consumer.end_offsets([place]))[place]
        if not begin <= offset < end:
            return None
        found = [record async for records, _ in self._read({place: offset}, {place: offset + 1}) for record in records]
        return found[0] if found else None

    async def _read(
        self, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[tuple[Sequence[ConsumerRecord], int]]:
        """Read from the begins to the ends; each time with how many offsets are left."""
        unread = [partition for partition, begin in begins.items() if begin < ends[partition]]
        self._consumer.assign(unread)
        for partition in unread:
            self._consumer.seek(partition, begins[partition])
        clock = asyncio.get_running_loop().time
        left, moved_at = -1, clock()
        while unread:
            fetched = await self._consumer.getmany(*unread, timeout_ms=FETCH_TIMEOUT_MS, max_records=RECORDS_A_FETCH)
            # Where only ends of transactions are left nothing is fetched, and yet it has been read.
            positions = {partition: await self._consumer.position(partition) for partition in unread}
            was_left, left = left, sum(max(0, ends[tp] - position) for tp, position in positions.items())
            if left != was_left:
                moved_at = clock()
            elif clock() - moved_at > self._patience_seconds:
                raise CommandFailed(f"Kafka has given nothing for {self._patience_seconds:g} s; {left} records unread")
            yield [record for tp, records in fetched.items() for record in records if record.offset < ends[tp]], left
            unread = [partition for partition in unread if positions[partition] < ends[partition]]


@asynccontextmanager
async def open_archive(settings: KafkaSettings) -> AsyncIterator[Archive]:
    """Connect to Kafka. Raises `CommandFailed` where it is away, refuses, or has no dead-letter topic."""
    with kafka_errors(settings):
        partitions, max_bytes = await _look_at_topics(settings)
        if settings.dead_letter_topic not in partitions:
            raise CommandFailed(
                f"the dead-letter topic {settings.dead_letter_topic} does not exist on {settings.bootstrap_servers};"
                " a pod creates it when it starts (REALTIME_KAFKA__DEAD_LETTER_TOPIC)"
            )
        consumer = make_reader(settings, CLIENT_ID)
        try:
            await consumer.start()
            yield Archive(settings, consumer, partitions, max_bytes)
        finally:
            await stop_quietly(consumer.stop())


@contextlib.contextmanager
def kafka_errors(settings: KafkaSettings) -> Iterator[None]:
    """Turn what Kafka raises into `CommandFailed`."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise CommandFailed(f"Kafka at {settings.bootstrap_servers} is away, or refuses: {error!r}") from error


async def _look_at_topics(settings: KafkaSettings) -> tuple[dict[str, int], dict[str, int]]:
    """How many partitions each of our topics has that exists, and how large a record it takes."""
    admin = make_admin(settings, CLIENT_ID)
    try:
        await admin.start()
        ours = {settings.dead_letter_topic, *settings.topics.by_event().values()}
        existing = sorted(ours & set(await admin.list_topics()))
        if not existing:
            return {}, {}
        described = await admin.describe_topics(existing)
        max_bytes: dict[str, int] = {}
        # We may not be allowed to ask, and not every broker that speaks Kafka's protocol answers.
        with contextlib.suppress(KafkaError):
            asked = [ConfigResource(ConfigResourceType.TOPIC, name, {MAX_BYTES: None}) for name in existing]
            for reply in await admin.describe_configs(asked):
                for _, _, _, name, values in reply.resources:
                    for _, value, *_ in values:  # the one that was asked for, or none
                        max_bytes[name] = int(value)
        return {topic["topic"]: len(topic["partitions"]) for topic in described}, max_bytes
    finally:
        await stop_quietly(admin.close())
