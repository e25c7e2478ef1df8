"""Replaying: a letter's record is written to its own topic again, and that it was is written beside the letter.

Both are one Kafka transaction. So a letter is replayed once, however often the command is run or cut short, and for as
long as the letter itself is kept; no other store takes part. A second command at the same time shuts the first one out,
as it has the same transactional id.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from realtime.dead_letters.archive import CLIENT_ID, Archive, Found, kafka_errors
from realtime.dead_letters.errors import CommandFailed
from realtime.dead_letters.letter import Letter, Origin, headers_for_replay, replayed_headers, their_headers
from realtime.intake.connection import make_transactional_producer, max_request_bytes, stop_quietly
from realtime.intake.dead_letter import writable_value
from realtime.settings import KafkaSettings

# Letters to a transaction: each of these takes Kafka some ten milliseconds.
LETTERS_AT_ONCE: Final = 50


class Fate(Enum):
    """What became of a letter."""

    REPLAYED = "replayed"
    SKIPPED = "skipped"  # it was replayed already, or is another letter of the same record
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a letter, and where to or why."""

    letter: Letter
    fate: Fate
    detail: str


@dataclass(frozen=True, slots=True)
class _Record:
    """What is written for a letter."""

    letter: Letter
    origin: Origin
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def size_bytes(self) -> int:
        """At most, as Kafka counts it."""
        return int(DefaultRecordBatchBuilder.estimate_size_in_bytes(self.key, self.value, self.headers))

    @property
    def to(self) -> str:
        partition = "by key" if self.partition is None else self.partition
        return f"{self.origin.partition.topic}:{partition}"


class Replayer:
    """Replays letters, or tells what it would do where it has no producer."""

    def __init__(self, settings: KafkaSettings, archive: Archive, producer: AIOKafkaProducer | None) -> None:
        self._dead_letter_topic = settings.dead_letter_topic
        self._max_request_bytes = max_request_bytes(settings)
        self._event_topics = set(settings.topics.by_event().values())
        self._archive = archive
        self._producer = producer

    async def replay(self, found: Found, limit: int | None) -> AsyncIterator[Told]:
        """Go through the letters in the order of their records, until `limit` are replayed, and tell of each."""
        seen: dict[Origin, Letter] = {}
        records: list[_Record] = []
        replayed = 0
        for letter in sorted(found.letters, key=_in_order):
            told = self._look_at(letter, found, seen) or await self._load(letter)
            if isinstance(told, Told):
                yield told
                continue
            records.append(told)
            if len(records) == LETTERS_AT_ONCE or replayed + len(records) == limit:
                for told in await self._write(records):
                    replayed += told.fate is Fate.REPLAYED
                    yield told
                records = []
                if replayed == limit:
                    return
        for told in await self._write(records):
            yield told

    def _look_at(self, letter: Letter, found: Found, seen: dict[Origin, Letter]) -> Told | None:
        """Why a letter is not to be replayed; None if it is."""
        origin = letter.origin
        if origin is None:
            return Told(letter, Fate.FAILED, "does not say which record it holds")
        if origin.partition.topic not in self._event_topics:
            return Told(letter, Fate.FAILED, f"{origin.partition.topic} is none of the topics of events")
        if origin.partition.topic not in self._archive.partitions:
            return Told(letter, Fate.FAILED, f"topic {origin.partition.topic} does not exist any more")
        if (replay := found.replay_of(letter)) is not None:
            return Told(letter, Fate.SKIPPED, f"was replayed before, to {replay.to}")
        if (same := seen.setdefault(origin, letter)) is not letter:
            return Told(letter, Fate.SKIPPED, f"holds the same record as {same.place}")
        return None

    async def _load(self, letter: Letter) -> _Record | Told:
        origin = letter.origin
        assert origin is not None  # it has been looked at
        whole = await self._archive.load(letter.partition, letter.offset)
        if whole is None:
            return Told(letter, Fate.FAILED, "has been deleted meanwhile")
        key, value, theirs = whole.key, whole.value, whole.headers
        if letter.is_cut:
            stored = await self._archive.load_origin(origin)
            if stored is None:
                return Told(letter, Fate.FAILED, f"was cut, and its record is no longer at {origin}")
            key, value, theirs = stored.key, stored.value, their_headers(stored)
        topic, number = origin.partition
        # Where it was, so that it stands in order with others of its key, whoever chose the partition.
        partition = number if number < self._archive.partitions[topic] else None
        headers = headers_for_replay(letter, theirs)
        record = _Record(letter, origin, partition, key, writable_value(key, value), headers)
        # A transaction that Kafka refuses leaves aiokafka's sequence numbers wrong, so it must not come to that.
        most = min(self._max_request_bytes, self._archive.max_bytes.get(topic, self._max_request_bytes))
        if record.size_bytes > most:
            return Told(letter, Fate.FAILED, f"takes {record.size_bytes} bytes, and {topic} takes {most}")
        return record

    async def _write(self, records: Sequence[_Record]) -> list[Told]:
        if self._producer is None:
            return [Told(record.letter, Fate.REPLAYED, record.to) for record in records]
        if not records:
            return []
        try:
            places = await self._write_at_once(self._producer, records)
        except ProducerFenced:
            raise CommandFailed("another replay has begun, and has shut this one out") from None
        except MessageSizeTooLargeError:
            largest = max(records, key=lambda record: record.size_bytes)
            raise CommandFailed(f"letter {largest.letter.place} is too large for {largest.to}; leave it out") from None
        return [Told(record.letter, Fate.REPLAYED, to) for record, to in zip(records, places, strict=True)]

    async def _write_at_once(self, producer: AIOKafkaProducer, records: Sequence[_Record]) -> list[str]:
        places = []
        async with producer.transaction():
            for record in records:
                written = await producer.send_and_wait(
                    record.origin.partition.topic,
                    key=record.key,
                    value=record.value,
                    partition=record.partition,
                    timestamp_ms=max(0, record.origin.timestamp_ms),  # the event has happened when it happened
                    headers=record.headers,
                )
                places.append(f"{written.topic}:{written.partition}:{written.offset}")
                await producer.send_and_wait(
                    self._dead_letter_topic,
                    value=writable_value(None, None),
                    partition=record.letter.partition,
                    headers=replayed_headers(record.origin, places[-1]),
                )
        return places


def _in_order(letter: Letter) -> tuple[str, int, int, int]:
    origin = letter.origin
    # Of a topic that was made anew, the time tells which came first.
    return ("", 0, 0, 0) if origin is None else (*origin.partition, origin.timestamp_ms, origin.offset)


@asynccontextmanager
async def open_replayer(settings: KafkaSettings, archive: Archive, *, dry_run: bool) -> AsyncIterator[Replayer]:
    """Shut out any other replay, but for a dry run. Find the letters afterwards: what others replayed is then known."""
    if dry_run:
        yield Replayer(settings, archive, None)
        return
    with kafka_errors(settings):
        transactional_id = f"{CLIENT_ID}.{settings.dead_letter_topic}"
        producer = make_transactional_producer(settings, CLIENT_ID, transactional_id)
        try:
            try:
                await producer.start()
            except KafkaError as error:
                raise CommandFailed(f"Kafka gives no transaction to {transactional_id}: {error!r}") from error
            yield Replayer(settings, archive, producer)
        finally:
            await stop_quietly(producer.stop())
