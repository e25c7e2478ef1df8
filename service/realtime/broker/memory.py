"""A broker within one process: for tests, and for pods that share nothing."""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence

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
from realtime.clock import Clock, SystemClock
from realtime.settings import HistorySettings


class MemoryHub:
    """What the brokers of one process have in common; stands where Redis stands."""

    def __init__(self, history: HistorySettings, clock: Clock | None = None, epoch: str = "memory") -> None:
        self.epoch = epoch
        self.offset = 0
        self.positions: dict[tuple[str, int], int] = {}
        self.used_keys: dict[str, float] = {}
        self.brokers: dict[str, MemoryBroker] = {}
        self.history_settings = history
        self.clock = clock or SystemClock()
        self.histories: dict[str, deque[Delivery]] = defaultdict(deque)
        self.trimmed_up_to: dict[str, int] = defaultdict(int)

    def publish(self, publication: Publication) -> None:
        """Give it the next offset, keep it, and tell it to all who are subscribed."""
        self.offset += 1
        rooms = tuple(dict.fromkeys(publication.rooms))
        for number, room in enumerate(rooms):
            # Through the wire form, so that it holds in memory what it holds in Redis.
            encoded = wire.encode(publication, publication.except_rooms + rooms[:number], rooms[number + 1 :])
            delivery = wire.decode(room, wire.with_offset(self.epoch, self.offset, encoded))
            self._keep(room, delivery)
            for broker in list(self.brokers.values()):
                broker.receive(delivery)

    def _keep(self, room: str, delivery: Delivery) -> None:
        history = self.histories[room]
        history.append(delivery)
        if len(history) > self.history_settings.max_messages_per_room:
            self.trimmed_up_to[room] = history.popleft().offset

    @property
    def up_to(self) -> Cursor:
        """How far publishing has come."""
        return Cursor((Place(self.epoch, self.offset),))


class MemoryBroker:
    """See `Broker`. Never behind and never unavailable; its history keeps no time limit."""

    def __init__(self, hub: MemoryHub, pod_id: str) -> None:
        self._hub = hub
        self._pod_id = pod_id
        self._rooms: set[str] = set()
        self._listener: BrokerListener | None = None

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker.run`."""
        self._listener = listener
        self._hub.brokers[self._pod_id] = self
        try:
            await asyncio.Event().wait()
        finally:
            del self._hub.brokers[self._pod_id]
            self._listener = None

    async def close(self) -> None:
        """See `Broker.close`."""

    def receive(self, delivery: Delivery) -> None:
        """Take what was published, if it is for a room that this pod is subscribed to."""
        if self._listener is not None and delivery.room in self._rooms:
            self._listener.on_deliveries([delivery])

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """See `Broker.publish_records`."""
        key = (batch.topic, batch.partition)
        position = self._hub.positions.get(key, NO_POSITION)
        if position < batch.after:
            return Outcome(position, behind=True)
        published = skipped = 0
        for record in batch.records:
            if record.offset <= position:
                skipped += 1
                continue
            for publication in record.publications:
                self._hub.publish(publication)
                published += 1
            position = record.offset
        self._hub.positions[key] = position
        return Outcome(position, published=published, skipped_records=skipped)

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        """See `Broker.publish_once`."""
        now = self._hub.clock.monotonic_seconds()
        if idempotency_key is not None:
            if self._hub.used_keys.get(idempotency_key, -math.inf) > now:
                return False
            self._hub.used_keys[idempotency_key] = now + self._hub.history_settings.idempotency_key_seconds
        for publication in publications:
            self._hub.publish(publication)
        return True

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `Broker.positions`."""
        return {key: self._hub.positions.get(key, NO_POSITION) for key in partitions}

    async def missed(self, after: Mapping[str, Cursor], max_messages: int) -> Missed:
        """See `Broker.missed`."""
        missed = []
        for room, cursor in after.items():
            offset = cursor.in_epoch(self._hub.epoch)
            if offset is None:
                return Missed((), self._hub.up_to, Gap.EPOCH)
            if self._hub.trimmed_up_to[room] > offset:
                return Missed((), self._hub.up_to, Gap.TRIMMED)
            missed += [delivery for delivery in self._hub.histories.get(room, ()) if delivery.offset > offset]
        if len(missed) > max_messages:
            return Missed((), self._hub.up_to, Gap.TOO_MANY)
        return Missed(sorted(missed, key=wire.order), self._hub.up_to)

    async def newest(
        self,
        rooms: Collection[str],
        after: Cursor | None,
        max_messages: int,
        max_age_seconds: float,  # noqa: ARG002 - it keeps no time limit
    ) -> Missed:
        """See `Broker.newest`."""
        offset = (None if after is None else after.in_epoch(self._hub.epoch)) or 0
        kept = (delivery for room in dict.fromkeys(rooms) for delivery in self._hub.histories.get(room, ()))
        behind = sorted((delivery for delivery in kept if delivery.offset > offset), key=wire.order)
        offsets = list(dict.fromkeys(delivery.offset for delivery in behind))
        if len(offsets) <= max_messages:
            return Missed(behind, self._hub.up_to)
        newest = [delivery for delivery in behind if delivery.offset >= offsets[-max_messages]]
        return Missed(newest, self._hub.up_to, Gap.TOO_MANY)

    def told(self) -> Cursor:
        """See `Broker.told`: what is published is told at once."""
        return self._hub.up_to if self._listener is not None else Cursor()

    def told_in(self, room: str) -> Place:  # noqa: ARG002 - it has one order
        """See `Broker.told_in`."""
        return self._hub.up_to[0]

    def cursor_at(self, delivery: Delivery) -> str:
        """See `Broker.cursor_at`."""
        return f"{delivery.epoch}:{delivery.offset}"

    async def until_told(self, cursor: Cursor) -> None:
        """See `Broker.until_told`."""

    async def subscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.subscribe`."""
        for room in rooms:
            room.encode()  # what cannot be written is an error here, too
        self._rooms.update(rooms)

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """See `Broker.unsubscribe`."""
        self._rooms.difference_update(rooms)

    async def signal_pod(self, pod_id: str, signal: bytes) -> None:
        """See `Broker.signal_pod`."""
        if pod_id in self._hub.brokers:
            self._hub.brokers[pod_id].hear(signal)

    async def signal_room(self, room: str, signal: bytes) -> None:
        """See `Broker.signal_room`."""
        for broker in list(self._hub.brokers.values()):
            if room in broker._rooms:  # noqa: SLF001 - its own class
                broker.hear(signal)

    async def signal_all(self, signal: bytes) -> None:
        """See `Broker.signal_all`."""
        for broker in list(self._hub.brokers.values()):
            broker.hear(signal)

    def hear(self, signal: bytes) -> None:
        """Take a signal."""
        if self._listener is not None:
            self._listener.on_signal(signal)

    def heard_seconds_ago(self) -> float:
        """See `Broker.heard_seconds_ago`: a process always hears itself."""
        return 0.0 if self._listener is not None else math.inf
