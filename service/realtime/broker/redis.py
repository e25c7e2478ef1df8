"""Rooms shared through Redis: one script call publishes a batch, one pub/sub connection receives."""

import asyncio
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import chain, groupby, islice
from typing import Final, NamedTuple

from redis.asyncio import Redis

from realtime.broker import wire
from realtime.broker.base import (
    NO_POSITION,
    BrokerListener,
    Delivery,
    Gap,
    Missed,
    Outcome,
    Publication,
    RecordBatch,
)
from realtime.broker.place import Cursor, Place
from realtime.broker.redis_subscriber import SIGNAL, RedisSubscriber
from realtime.redis.batching import Batching
from realtime.redis.calls import Operation, RedisCalls
from realtime.redis.keys import Keys
from realtime.settings import HistorySettings, RedisSettings
from realtime.telemetry.metrics import Metrics

PUBLISH_SCRIPT: Final = files("realtime.broker").joinpath("publish.lua").read_text()
MISSED_SCRIPT: Final = files("realtime.broker").joinpath("missed.lua").read_text()
_GAPS: Final = {
    b"": None,
    b"epoch": Gap.EPOCH,
    b"trimmed": Gap.TRIMMED,
    b"expired": Gap.EXPIRED,
    b"too_many": Gap.TOO_MANY,
}
# Rooms whose histories are read in one round trip: each may be as long as histories become.
ROOMS_PER_READ: Final = 20
# What is read of histories before others have their turn: half a millisecond's work.
MESSAGES_A_TURN: Final = 200
# Newcomers whose histories are read in one call: each may have missed a hundred messages.
NEWCOMERS_PER_READ: Final = 25


class _Asked(NamedTuple):
    """What one newcomer asks of `newest`."""

    rooms: tuple[str, ...]
    after: Cursor | None
    max_messages: int
    max_age_seconds: float

    def offset(self, epoch: str) -> int:
        return (None if self.after is None else self.after.in_epoch(epoch)) or 0


def _kind(asked: _Asked) -> tuple[int, float]:
    return asked.max_messages, asked.max_age_seconds


def newest_of(deliveries: Sequence[Delivery], up_to: Cursor, most: int) -> Missed:
    """Keep the newest messages, of those that are given in order."""
    offsets = list(dict.fromkeys(delivery.offset for delivery in deliveries))
    if len(offsets) <= most:
        return Missed(deliveries, up_to)
    return Missed([delivery for delivery in deliveries if delivery.offset >= offsets[-most]], up_to, Gap.TOO_MANY)


class RedisBroker:
    """See `Broker`."""

    def __init__(
        self,
        client: Redis,
        redis: RedisSettings,
        history: HistorySettings,
        pod_id: str,
        metrics: Metrics,
        shard: int = 0,
    ) -> None:
        self._client = client
        self._keys = Keys(redis.key_prefix, shard)
        self._history_settings = history
        self._metrics = metrics
        self._calls = RedisCalls(metrics)
        self._script = client.register_script(PUBLISH_SCRIPT)
        self._missed_script = client.register_script(MISSED_SCRIPT)
        self._asked = Batching[_Asked, Missed](self._answer)
        self._subscriber = RedisSubscriber(
            client, redis, history.max_messages_per_room, self._keys, pod_id, self._read_history, metrics
        )
        self._publish_word = self._subscriber.words.publish

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker.run`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._asked.run())
            await self._subscriber.run(listener)

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._client.aclose()

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """See `Broker.publish_records`."""
        outcome, before = await self.publish_behind(batch)
        return replace(outcome, skipped_records=count_skipped(batch, before))

    async def publish_behind(self, batch: RecordBatch) -> tuple[Outcome, int]:
        """Do as `publish_records`, but count no skipped records: also return the position that was there before."""
        messages: list[bytes | str] = []
        for record in batch.records:
            messages.append(b"@%d" % record.offset)
            _write_messages(record.publications, messages)
        guard = self._keys.position(batch.topic, batch.partition)
        status, position, published, before = await self._publish("position", guard, batch.after, messages)
        return Outcome(position, behind=status == b"behind", published=published), before

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        """See `Broker.publish_once`."""
        messages: list[bytes | str] = []
        _write_messages(publications, messages)
        kind = "none" if idempotency_key is None else "once"
        guard = self._keys.idempotency(idempotency_key or "")
        seconds = self._history_settings.idempotency_key_seconds
        status, *_ = await self._publish(kind, guard, seconds, messages)
        return bool(status == b"ok")

    async def has_used(self, idempotency_key: str) -> bool:
        """Whether something was published with this key. Raises `RedisUnavailable`."""
        with self._calls.asking(Operation.IDEMPOTENCY, "look for a key"):
            return bool(await self._client.exists(self._keys.idempotency(idempotency_key)))

    async def _publish(
        self, guard_kind: str, guard: str, guard_value: int, messages: list[bytes | str]
    ) -> tuple[bytes, int, int, int]:
        keys = [self._keys.epoch, self._keys.offset, guard]
        arguments = [
            guard_kind,
            guard_value,
            secrets.token_urlsafe(6),
            self._keys.room,
            self._keys.history,
            self._history_settings.max_messages_per_room,
            self._history_settings.retention_seconds * 1_000,
            self._publish_word,
            *messages,
        ]
        with self._calls.asking(Operation.PUBLISH, "publish"):
            status, position, published, before, kept, reach_us = await self._script(keys=keys, args=arguments)
        if published:
            self._metrics.history_messages.observe(kept)
        if reach_us >= 0:
            self._metrics.history_reach.observe(reach_us / 1e6)
        return status, position, published, before

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `Broker.positions`."""
        ordered = list(partitions)
        if not ordered:
            return {}
        with self._calls.asking(Operation.POSITIONS, "read positions"):
            values = await self._client.mget([self._keys.position(topic, number) for topic, number in ordered])
        return {key: NO_POSITION if value is None else int(value) for key, value in zip(ordered, values, strict=True)}

    async def missed(self, after: Mapping[str, Cursor], max_messages: int) -> Missed:
        """See `Broker.missed`."""
        epoch = await self._epoch_among(after.values())
        offsets = {room: offset for room, cursor in after.items() if (offset := cursor.in_epoch(epoch)) is not None}
        retention_ms = self._history_settings.retention_seconds * 1_000
        up_to, gap, by_room = await self._read("all", list(offsets.items()), epoch, max_messages, retention_ms)
        if len(offsets) < len(after):
            return Missed((), up_to, Gap.EPOCH)
        return Missed(sorted(chain.from_iterable(by_room), key=wire.order), up_to, gap)

    async def newest(
        self, rooms: Collection[str], after: Cursor | None, max_messages: int, max_age_seconds: float
    ) -> Missed:
        """See `Broker.newest`. Those who ask at once are answered together: each newcomer asks."""
        return await self._asked.ask(_Asked(tuple(dict.fromkeys(rooms)), after, max_messages, max_age_seconds))

    async def _answer(self, asked: Sequence["_Asked"]) -> Sequence[Missed]:
        epoch = await self._epoch_among([one.after for one in asked if one.after is not None])
        answers: dict[_Asked, Missed] = {}
        for (most, max_age_seconds), alike in groupby(sorted(set(asked), key=_kind), key=_kind):
            each = list(alike)
            for start in range(0, len(each), NEWCOMERS_PER_READ):
                together = each[start : start + NEWCOMERS_PER_READ]
                pairs = [(room, one.offset(epoch)) for one in together for room in one.rooms]
                up_to, _, by_room = await self._read("newest", pairs, epoch, most, int(max_age_seconds * 1_000))
                rooms = iter(by_room)
                for one in together:
                    found = chain.from_iterable(islice(rooms, len(one.rooms)))
                    answers[one] = newest_of(sorted(found, key=wire.order), up_to, most)
        return [answers[one] for one in asked]

    async def _epoch_among(self, cursors: Iterable[Cursor]) -> str:
        """Which of the cursors' places are ours: those of the epoch that this pod hears."""
        told = self._subscriber.told.place
        if told is not None:
            return told.epoch
        epochs = {place.epoch for cursor in cursors for place in cursor}
        if len(epochs) > 1:  # of several shards, or of several times
            return (await self.newest_place()).epoch
        return next(iter(epochs), "")

    async def _read(
        self, what: str, after: Sequence[tuple[str, int]], epoch: str, most: int, age_ms: int
    ) -> tuple[Cursor, Gap | None, list[list[Delivery]]]:
        arguments: list[str | int] = [secrets.token_urlsafe(6), self._keys.history, what, most, age_ms, epoch]
        for pair in after:
            arguments += pair
        with self._calls.asking(Operation.HISTORY, "read what was missed"):
            now_epoch, newest, gap, *found = await self._missed_script(
                keys=[self._keys.epoch, self._keys.offset], args=arguments
            )
        by_room: list[list[Delivery]] = [[] for _ in after]
        turns = _Turns()
        for number, messages in zip(found[::2], found[1::2], strict=True):
            await turns.decode(after[number - 1][0], messages, by_room[number - 1])
        return Cursor((Place(now_epoch.decode(), newest),)), _GAPS[gap], by_room

    async def _read_history(self, after_offsets: Mapping[str, int], up_to_offset: int) -> Sequence[Delivery]:
        ordered = list(after_offsets)
        deliveries: list[Delivery] = []
        turns = _Turns()
        for start in range(0, len(ordered), ROOMS_PER_READ):
            chunk = ordered[start : start + ROOMS_PER_READ]
            async with self._client.pipeline(transaction=False) as pipeline:
                for room in chunk:
                    pipeline.xrange(self._keys.history + room, f"({after_offsets[room]}-0", f"{up_to_offset}-0")
                with self._calls.asking(Operation.HISTORY, "read history"):
                    histories = await pipeline.execute()
            for room, entries in zip(chunk, histories, strict=True):
                messages = [fields.get(b"m", b"") for _, fields in entries]
                await turns.decode(room, messages, deliveries)
        deliveries.sort(key=wire.order)
        return deliveries

    def told(self) -> Cursor:
        """See `Broker.told`."""
        place = self.place()
        return Cursor(()) if place is None else Cursor((place,))

    def place(self) -> Place | None:
        """The only place of `told`, if it is known."""
        return self._subscriber.told.place

    def told_in(self, room: str) -> Place:
        """See `Broker.told_in`."""
        return self._subscriber.told_in(room)

    def cursor_at(self, delivery: Delivery) -> str:
        """See `Broker.cursor_at`."""
        return f"{delivery.epoch}:{delivery.offset}"

    async def newest_place(self) -> Place:
        """Where publishing has come to now. Raises `RedisUnavailable`."""
        return await self._subscriber.newest()

    async def until_told(self, cursor: Cursor) -> None:
        """See `Broker.until_told`."""
        for place in cursor:
            await self._subscriber.told.until(place)

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        await self._subscriber.subscribe(rooms)

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.unsubscribe`."""
        self._subscriber.unsubscribe(rooms)

    async def signal_pod(self, pod_id: str, signal: bytes) -> None:
        """See `Broker.signal_pod`."""
        await self._signal(self._keys.pod(pod_id), signal)

    async def signal_room(self, room: str, signal: bytes) -> None:
        """See `Broker.signal_room`."""
        await self._signal(self._keys.room + room, signal)

    async def signal_all(self, signal: bytes) -> None:
        """See `Broker.signal_all`."""
        await self._signal(self._keys.all_pods, signal)

    async def _signal(self, channel: str, signal: bytes) -> None:
        with self._calls.asking(Operation.SIGNAL, "signal"):
            await self._client.execute_command(self._publish_word, channel, SIGNAL + signal)  # type: ignore[no-untyped-call]

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`."""
        return self._subscriber.heard_seconds_ago()


def count_skipped(batch: RecordBatch, before: int) -> int:
    """Count a batch's records that were published before; `before` is the position that they met."""
    if not batch.records or batch.records[0].offset > before or before < batch.after:
        return 0
    return sum(record.offset <= before for record in batch.records)


def _write_messages(publications: Sequence[Publication], messages: list[bytes | str]) -> None:
    """Append publications as the script reads them."""
    for publication in publications:
        if len(publication.rooms) == 1:
            messages += ("+" + publication.rooms[0], wire.encode(publication, publication.except_rooms))
        else:
            rooms = tuple(dict.fromkeys(publication.rooms))  # a stream takes an offset once
            for number, room in enumerate(rooms):
                messages += (
                    ("=" if number else "+") + room,
                    wire.encode(publication, publication.except_rooms + rooms[:number], rooms[number + 1 :]),
                )


class _Turns:
    """Decodes histories of many rooms, and lets others have their turn in between."""

    def __init__(self) -> None:
        self._read_in_turn = 0

    async def decode(self, room: str, messages: Sequence[bytes], into: list[Delivery]) -> None:
        """Append what can be read."""
        for start in range(0, len(messages), MESSAGES_A_TURN):
            piece = messages[start : start + MESSAGES_A_TURN]
            into += (read for message in piece if (read := wire.read(room, message)) is not None)
            self._read_in_turn += len(piece)
            if self._read_in_turn >= MESSAGES_A_TURN:
                self._read_in_turn = 0
                await asyncio.sleep(0)
