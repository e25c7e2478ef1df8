"""What a broker promises. `memory.py` and `redis.py` keep it; `tests/suites/` holds them to it.

The worked example behind `Position` and `Outcome`: partition 3 was published up to record 99, so its position is 99.
A pod takes records 95 to 120 (Kafka gave it old ones again) and publishes them with `after=94`: the broker skips 95 to
99 and publishes the rest; the position is 120. Now Redis fails over to a replica that has only seen 110. The pod
publishes 121 to 130 with `after=120`; 110 lies behind 120, so nothing is published and the outcome is
`behind`: the pod rewinds Kafka to 111 and publishes 111 to 130 again. Nothing is lost, and nothing arrives twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from realtime.broker.place import Cursor, Place

# The position of a partition from which nothing was ever published.
NO_POSITION: Final = -1
# As `occurred_ms`: how late the message is is not to be measured.
NOT_MEASURED: Final = 0


# What is made for each record is not frozen: that would cost a call for each field. Nobody changes it.
@dataclass(slots=True)
class Publication:
    """One message on its way into rooms: a finished Socket.IO packet, and what pods must know beside it.

    Who is in several of `rooms` receives it once, and who is in one of `except_rooms` otherwise. `occurred_ms` is when
    its event happened (Unix time in milliseconds), for measuring how late it is; or `NOT_MEASURED`.
    """

    packet: bytes
    rooms: tuple[str, ...]
    occurred_ms: int
    conflation_key: str | None = None
    traceparent: str | None = None
    except_rooms: tuple[str, ...] = ()


class Delivery(NamedTuple):
    """A message that has come out of a room on this pod.

    `offset` is its place in the total order of one Redis primary and `epoch` names that order: after Redis has lost its
    data there is a new epoch, and old offsets mean nothing in it. Members that are also in one of `except_rooms`
    receive the message through that room and must not receive it here. `later_rooms` are the others that it went to.
    """

    room: str
    epoch: str
    offset: int
    packet: bytes
    occurred_ms: int
    except_rooms: tuple[str, ...] = ()
    conflation_key: str | None = None
    traceparent: str | None = None
    later_rooms: tuple[str, ...] = ()


@dataclass(slots=True)
class PublishedRecord:
    """What one Kafka record comes to: its offset in Kafka, and its publications, perhaps none."""

    offset: int
    publications: Sequence[Publication] = ()


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one partition.

    `after` is the Kafka offset of the record before them that this consumer knows to be published, `NO_POSITION` if it
    knows of none.
    """

    topic: str
    partition: int
    after: int
    records: Sequence[PublishedRecord] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    `position` is the partition's position now. When `behind`, nothing was published, because the position lies before
    the batch's `after`: the broker has lost what was published between them.
    """

    position: int
    behind: bool = False
    published: int = 0
    skipped_records: int = 0


class Gap(StrEnum):
    """Why a room's history does not hold all that was published behind a place."""

    EPOCH = "history_lost"  # Redis has lost its data since
    TRIMMED = "history_trimmed"  # more was published since than is kept
    EXPIRED = "history_expired"  # so long ago that the history may have been dropped meanwhile
    TOO_MANY = "too_many_missed"  # more than was asked for


@dataclass(frozen=True, slots=True)
class Missed:
    """What was published into some rooms behind a cursor, in order of offset; a message once for each of its rooms.

    What was published behind `up_to` is not among it, all before is; but for a `gap`.
    """

    deliveries: Sequence[Delivery]
    up_to: Cursor
    gap: Gap | None = None


class BrokerListener(Protocol):
    """Who is told what comes out of rooms on this pod. Called in order, one at a time; must not block."""

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Messages of subscribed rooms, in their order."""
        ...

    def on_gap(self, rooms: Collection[str]) -> None:
        """Of these rooms something may have been missed that no history holds any more; told before what comes next."""
        ...

    def on_signal(self, signal: bytes) -> None:
        """A signal to this pod, to a subscribed room's pods, or to all pods."""
        ...


class Broker(Protocol):
    """Rooms shared between pods.

    Order: what two publications have in common in rooms, arrives in the order of their offsets, on every pod.
    Loss: a publication reaches every pod that was subscribed when it was published; a pod that lost its connection
    reads what its rooms missed from their histories before it goes on, as far as these reach back.
    Repetition: a record at or below its partition's position is never published again.
    All methods raise `RedisUnavailable` when the broker cannot be reached.
    """

    async def run(self, listener: BrokerListener) -> None:
        """Listen until cancelled. The broker need not be there: it is connected to as soon as it can be."""
        ...

    async def close(self) -> None:
        """Close all connections, after `run` has ended."""
        ...

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """Publish a batch and move the partition's position, all in one atomic step, or nothing at all."""
        ...

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        """Publish in one atomic step. False, and nothing is published, if the key has been used before."""
        ...

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Positions of (topic, partition); `NO_POSITION` where nothing was published."""
        ...

    async def missed(self, after: Mapping[str, Cursor], max_messages: int) -> Missed:
        """All that was published into each room behind its cursor; nothing, and a `gap`, if that cannot be had."""
        ...

    async def newest(
        self, rooms: Collection[str], after: Cursor | None, max_messages: int, max_age_seconds: float
    ) -> Missed:
        """The newest that was published into the rooms, behind a cursor of this epoch if one is given.

        The gap says `TOO_MANY` if there were more within that age.
        """
        ...

    def told(self) -> Cursor:
        """How far the listener has been told what was published into subscribed rooms: all of it, up to here.

        It goes on with each heartbeat, also when nothing is published. Empty until the pod has heard itself.
        """
        ...

    def told_in(self, room: str) -> Place:
        """How far the listener has been told what was published into one room that is subscribed to.

        Raises `RedisUnavailable` if that is not known yet.
        """
        ...

    def cursor_at(self, delivery: Delivery) -> str:
        """Write what a client keeps that has been told this delivery, and all before it; call it as it is told."""
        ...

    async def until_told(self, cursor: Cursor) -> None:
        """Wait until the listener has been told all up to the cursor; a deaf pod waits until it hears again."""
        ...

    async def subscribe(self, rooms: Collection[str]) -> None:
        """Return once all that is published into these rooms from now on will be told to the listener."""
        ...

    def unsubscribe(self, rooms: Collection[str]) -> None:
        """Let go of rooms, soon; a room that is subscribed again before keeps its subscription."""
        ...

    async def signal_pod(self, pod_id: str, signal: bytes) -> None:
        """Send to one pod; lost if that pod is gone."""
        ...

    async def signal_room(self, room: str, signal: bytes) -> None:
        """Send to the pods that are subscribed to a room, in order with what is published into it."""
        ...

    async def signal_all(self, signal: bytes) -> None:
        """Send to all pods."""
        ...

    def heard_seconds_ago(self) -> float:
        """How long ago this pod heard its own heartbeat come back; infinite if it never has."""
        ...
