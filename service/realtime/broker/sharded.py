"""Rooms divided into shards, each with an order, a history and positions of its own; see docs/adr/0007."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from redis.asyncio import Redis

from realtime.broker import wire
from realtime.broker.base import (
    NO_POSITION,
    Broker,
    BrokerListener,
    Delivery,
    Gap,
    Missed,
    Outcome,
    Publication,
    PublishedRecord,
    RecordBatch,
)
from realtime.broker.place import Cursor, Place
from realtime.broker.redis import RedisBroker, count_skipped, newest_of
from realtime.protocol.rooms import shard_of
from realtime.settings import HistorySettings, RedisSettings
from realtime.telemetry.metrics import Metrics

Answer = TypeVar("Answer")


def make_redis_brokers(
    clients: Sequence[Redis], redis: RedisSettings, history: HistorySettings, pod_id: str, metrics: Metrics
) -> Sequence[RedisBroker]:
    """Make a broker for each shard."""
    return [RedisBroker(client, redis, history, pod_id, metrics, shard) for shard, client in enumerate(clients)]


def compose(brokers: Sequence[RedisBroker]) -> Broker:
    """Make one broker of all shards'."""
    return brokers[0] if len(brokers) == 1 else ShardedBroker(brokers)


class ShardedBroker:
    """See `Broker`. What it promises of order and atomicity, it promises within a shard.

    A batch of records goes to all shards, whatever it has for them, and each moves its own position of the partition.
    The partition's position is the least of these: from there on somebody may still have to receive something. Who goes
    on there publishes nothing twice, for each shard skips what it has. When one shard refuses as `behind`, others may
    have taken their part.

    Messages of different shards have no order. Who is in several of a message's rooms receives it once only if these
    rooms share a shard, or if it joins none of them just then; `published` counts such a message for each shard.
    """

    def __init__(self, shards: Sequence[RedisBroker]) -> None:
        self.shards = shards
        self._shard_of_epoch: dict[str, int] = {}

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker.run`."""
        async with asyncio.TaskGroup() as tasks:
            for shard in self.shards:
                tasks.create_task(shard.run(listener))

    async def close(self) -> None:
        """See `Broker.close`."""
        for shard in self.shards:
            await shard.close()

    # -- publishing -------------------------------------------------------------------------------------------------

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """See `Broker.publish_records`."""
        records: list[list[PublishedRecord]] = [[] for _ in self.shards]
        for record in batch.records:
            for shard, publications in self._divided(record.publications).items():
                records[shard].append(PublishedRecord(record.offset, publications))
        if batch.records:
            last = batch.records[-1].offset
            for of_shard in records:
                if not of_shard or of_shard[-1].offset != last:
                    of_shard.append(PublishedRecord(last))  # the position moves, though nobody hears of it
        answers = await _all(
            shard.publish_behind(replace(batch, records=of_shard))
            for shard, of_shard in zip(self.shards, records, strict=True)
        )
        position = min(outcome.position for outcome, _ in answers)
        if any(outcome.behind for outcome, _ in answers):
            return Outcome(position, behind=True)
        published = sum(outcome.published for outcome, _ in answers)
        return Outcome(
            position, published=published, skipped_records=count_skipped(batch, min(before for _, before in answers))
        )

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        """See `Broker.publish_once`. Raises `RedisUnavailable` also when some shards have taken their part.

        A key is noted in a shard of its own, after all others; so who repeats himself after an error publishes what is
        not there yet, and who uses it later for something else publishes nothing.
        """
        by_shard = self._divided(publications)
        if idempotency_key is None:
            await _all(self.shards[n].publish_once(of_it) for n, of_it in by_shard.items())
            return True
        home = shard_of(idempotency_key, len(self.shards))
        others = {n: of_it for n, of_it in by_shard.items() if n != home}
        if others and await self.shards[home].has_used(idempotency_key):
            return False
        fresh = await _all(self.shards[n].publish_once(of_it, idempotency_key) for n, of_it in others.items())
        is_first = await self.shards[home].publish_once(by_shard.get(home, []), idempotency_key)
        return is_first if home in by_shard or not others else any(fresh)

    def _divided(self, publications: Sequence[Publication]) -> dict[int, list[Publication]]:
        divided: defaultdict[int, list[Publication]] = defaultdict(list)
        for publication in publications:
            by_shard = self._by_shard(dict.fromkeys(publication.rooms))
            if len(by_shard) == 1:
                divided[next(iter(by_shard))].append(publication)
            else:
                before: tuple[str, ...] = ()
                for shard, rooms in by_shard.items():
                    divided[shard].append(replace(publication, rooms=tuple(rooms), except_rooms=before))
                    before += tuple(rooms)
        return divided

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `Broker.positions`."""
        of_shards = await _all(shard.positions(partitions) for shard in self.shards)
        return {key: min((positions[key] for positions in of_shards), default=NO_POSITION) for key in partitions}

    # -- what was missed --------------------------------------------------------------------------------------------

    async def missed(self, after: Mapping[str, Cursor], max_messages: int) -> Missed:
        """See `Broker.missed`. In order of offset: near to the order of time, and exact within a shard."""
        by_shard = self._by_shard(after)
        found = await _all(
            self.shards[shard].missed({room: after[room] for room in rooms}, max_messages)
            for shard, rooms in by_shard.items()
        )
        up_to = self._up_to(dict(zip(by_shard, found, strict=True)))
        deliveries = _merged(found, after, len(self.shards))
        gap = next((missed.gap for missed in found if missed.gap is not None), None)
        if gap is None and len({(d.epoch, d.offset) for d in deliveries}) > max_messages:
            gap = Gap.TOO_MANY
        return Missed(() if gap is not None else deliveries, up_to, gap)

    async def newest(
        self, rooms: Collection[str], after: Cursor | None, max_messages: int, max_age_seconds: float
    ) -> Missed:
        """See `Broker.newest`."""
        by_shard = self._by_shard(rooms)
        found = await _all(
            self.shards[shard].newest(of_it, after, max_messages, max_age_seconds) for shard, of_it in by_shard.items()
        )
        up_to = self._up_to(dict(zip(by_shard, found, strict=True)))
        newest = newest_of(_merged(found, rooms, len(self.shards)), up_to, max_messages)
        return replace(newest, gap=next((missed.gap for missed in found if missed.gap is not None), newest.gap))

    def _up_to(self, found: Mapping[int, Missed]) -> Cursor:
        """A place for each shard: where it was not read, as far as has been told."""
        places: list[Place] = []
        for number, shard in enumerate(self.shards):
            of_shard = found[number].up_to if number in found else shard.told()
            self._shard_of_epoch.update((place.epoch, number) for place in of_shard)
            places += of_shard
        return Cursor(places)

    # -- how far has been told --------------------------------------------------------------------------------------

    def told(self) -> Cursor:
        """See `Broker.told`."""
        return Cursor(place for shard in self.shards if (place := shard.place()) is not None)

    def told_in(self, room: str) -> Place:
        """See `Broker.told_in`."""
        return self._shard(room).told_in(room)

    def cursor_at(self, delivery: Delivery) -> str:
        """See `Broker.cursor_at`."""
        number = shard_of(delivery.room, len(self.shards))
        places = [
            f"{delivery.epoch}:{delivery.offset}" if n == number else str(shard.place())
            for n, shard in enumerate(self.shards)
            if n == number or shard.place() is not None
        ]
        return ",".join(places)

    async def until_told(self, cursor: Cursor) -> None:
        """See `Broker.until_told`. A place in an order that no shard has any longer is not waited for."""
        if not all(place.epoch in self._shard_of_epoch for place in cursor):
            newest = await _all(shard.newest_place() for shard in self.shards)
            self._shard_of_epoch.update((place.epoch, number) for number, place in enumerate(newest))
        known = [(self._shard_of_epoch[place.epoch], place) for place in cursor if place.epoch in self._shard_of_epoch]
        await _all(self.shards[number].until_told(Cursor([place])) for number, place in known)

    # -- rooms and signals ------------------------------------------------------------------------------------------

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        for room in rooms:
            room.encode()  # all or none: what cannot be written is the caller's error
        await _all(self.shards[shard].subscribe(of_it) for shard, of_it in self._by_shard(rooms).items())

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.unsubscribe`."""
        for shard, of_it in self._by_shard(rooms).items():
            self.shards[shard].unsubscribe(of_it)

    async def signal_pod(self, pod_id: str, signal: bytes) -> None:
        """See `Broker.signal_pod`."""
        await self.shards[0].signal_pod(pod_id, signal)

    async def signal_room(self, room: str, signal: bytes) -> None:
        """See `Broker.signal_room`."""
        await self._shard(room).signal_room(room, signal)

    async def signal_all(self, signal: bytes) -> None:
        """See `Broker.signal_all`."""
        await self.shards[0].signal_all(signal)

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`: of the shard that was heard longest ago."""
        return max(shard.heard_seconds_ago() for shard in self.shards)

    def _shard(self, room: str) -> RedisBroker:
        return self.shards[shard_of(room, len(self.shards))]

    def _by_shard(self, rooms: Iterable[str]) -> dict[int, list[str]]:
        by_shard: defaultdict[int, list[str]] = defaultdict(list)
        for room in rooms:
            by_shard[shard_of(room, len(self.shards))].append(room)
        return by_shard


async def _all(calls: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Wait for all, whatever becomes of some; then raise what the first of these has raised."""
    waiting = list(calls)
    if len(waiting) == 1:
        return [await waiting[0]]
    answers = []
    for answer in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    return answers


def _merged(found: Sequence[Missed], rooms: Collection[str], shards: int) -> Sequence[Delivery]:
    """Bring together what was read of shards, without what comes by a room of another shard, too."""
    if len(found) == 1:
        return found[0].deliveries

    def comes_otherwise(delivery: Delivery) -> bool:
        here = shard_of(delivery.room, shards)
        return any(other in rooms and shard_of(other, shards) != here for other in delivery.except_rooms)

    deliveries = (delivery for missed in found for delivery in missed.deliveries if not comes_otherwise(delivery))
    return sorted(deliveries, key=wire.order)
