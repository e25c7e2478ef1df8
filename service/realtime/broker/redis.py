"""Rooms shared through Redis: one script call publishes a batch, one pub/sub connection receives."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Final

from redis.asyncio import Redis

from realtime.broker import wire
from realtime.broker.base import NO_POSITION, BrokerListener, Delivery, Outcome, Publication, RecordBatch
from realtime.broker.redis_subscriber import SIGNAL, RedisSubscriber
from realtime.redis.connection import redis_errors
from realtime.redis.keys import Keys
from realtime.settings import HistorySettings, RedisSettings

PUBLISH_SCRIPT: Final = files("realtime.broker").joinpath("publish.lua").read_text()
# Rooms whose histories are read in one round trip.
ROOMS_PER_READ: Final = 200


class RedisBroker:
    """See `Broker`."""

    def __init__(self, client: Redis, redis: RedisSettings, history: HistorySettings, pod_id: str) -> None:
        self._client = client
        self._keys = Keys(redis.key_prefix)
        self._history_settings = history
        self._script = client.register_script(PUBLISH_SCRIPT)
        self._subscriber = RedisSubscriber(client, redis, self._keys, pod_id, self._read_history)

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker.run`."""
        await self._subscriber.run(listener)

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._client.aclose()

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """See `Broker.publish_records`."""
        messages: list[bytes | str] = []
        for record in batch.records:
            messages.append(b"@%d" % record.offset)
            _write_messages(record.publications, messages)
        guard = self._keys.position(batch.topic, batch.partition)
        status, position, published, skipped = await self._publish("position", guard, batch.after, messages)
        return Outcome(position, behind=status == b"behind", published=published, skipped_records=skipped)

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        """See `Broker.publish_once`."""
        messages: list[bytes | str] = []
        _write_messages(publications, messages)
        kind = "none" if idempotency_key is None else "once"
        guard = self._keys.idempotency(idempotency_key or "")
        seconds = self._history_settings.idempotency_key_seconds
        status, *_ = await self._publish(kind, guard, seconds, messages)
        return bool(status == b"ok")

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
            *messages,
        ]
        with redis_errors("publish"):
            status, position, published, skipped = await self._script(keys=keys, args=arguments)
        return status, position, published, skipped

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `Broker.positions`."""
        ordered = list(partitions)
        if not ordered:
            return {}
        with redis_errors("read positions"):
            values = await self._client.mget([self._keys.position(topic, number) for topic, number in ordered])
        return {key: NO_POSITION if value is None else int(value) for key, value in zip(ordered, values, strict=True)}

    async def history(self, rooms: Collection[str], after_offset: int) -> Sequence[Delivery]:
        """See `Broker.history`."""
        return await self._read_history(dict.fromkeys(rooms, after_offset))

    async def _read_history(
        self, after_offsets: Mapping[str, int], up_to_offset: int | None = None
    ) -> Sequence[Delivery]:
        ordered = list(after_offsets)
        newest = "+" if up_to_offset is None else f"{up_to_offset}-0"
        deliveries: list[Delivery] = []
        with redis_errors("read history"):
            for start in range(0, len(ordered), ROOMS_PER_READ):
                chunk = ordered[start : start + ROOMS_PER_READ]
                async with self._client.pipeline(transaction=False) as pipeline:
                    for room in chunk:
                        pipeline.xrange(self._keys.history + room, f"({after_offsets[room]}-0", newest)
                    for room, entries in zip(chunk, await pipeline.execute(), strict=True):
                        read = (wire.read(room, fields.get(b"m", b"")) for _, fields in entries)
                        deliveries += (delivery for delivery in read if delivery is not None)
        deliveries.sort(key=wire.order)
        return deliveries

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
        with redis_errors("signal"):
            await self._client.publish(channel, SIGNAL + signal)

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`."""
        return self._subscriber.heard_seconds_ago()


def _write_messages(publications: Sequence[Publication], messages: list[bytes | str]) -> None:
    """Append publications as the script reads them."""
    for publication in publications:
        if len(publication.rooms) == 1:
            messages += ("+" + publication.rooms[0], wire.encode(publication))
        else:
            rooms = tuple(dict.fromkeys(publication.rooms))  # a stream takes an offset once
            for number, room in enumerate(rooms):
                messages += (("=" if number else "+") + room, wire.encode(publication, rooms[:number]))
