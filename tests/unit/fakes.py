"""Stand-ins for what unit tests do without: time, sockets, Kafka, and a Redis that answers."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

from realtime.broker.base import BrokerListener, Delivery, Missed, Outcome, Publication, RecordBatch
from realtime.broker.place import Cursor, Place, Places
from realtime.clock import Clock
from realtime.errors import KafkaUnavailable, RedisUnavailable
from realtime.gateway.attachment import WhileWaiting
from realtime.intake.dead_letter import DeadLetter
from realtime.presence.base import Arrival, Device, PodReport
from realtime.protocol.disconnects import Closing
from realtime.resilience.breaker import Breaker
from realtime.settings import BreakerSettings
from realtime.telemetry.metrics import Metrics

# 2026-11-23T10:00:00.000Z
NOON_MS = 1_795_428_000_000
NOON = "2026-11-23T10:00:00.000Z"


def a_breaker(clock: Clock | None = None, metrics: Metrics | None = None, **settings: Any) -> Breaker:
    """Before a Redis that is there."""
    return Breaker("redis", RedisUnavailable, BreakerSettings(**settings), clock or FakeClock(), metrics or Metrics())


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self, wall_ms: int = NOON_MS) -> None:
        self._wall_ms = wall_ms
        self._monotonic_seconds = 1_000.0

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_seconds(self) -> float:
        return self._monotonic_seconds

    def start_anew(self) -> None:
        self._wall_ms = NOON_MS

    def advance(self, seconds: float) -> None:
        self._wall_ms += int(seconds * 1_000)
        self._monotonic_seconds += seconds


class FakeAttachment:
    """Sessions that are reached by noting what would have been done to them."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}  # room -> session ids
        self.sent: list[tuple[str, str, Mapping[str, Any]]] = []
        self.closed: list[tuple[str, Closing]] = []
        self.refuses_to_join: dict[str, Exception] = {}  # room -> what is raised
        self.never_joins = False
        self.held: set[str] = set()
        self.gone: set[str] = set()  # whose clients have gone, though nobody has been told yet
        self.heard: dict[str, Callable[[], None]] = {}  # who is called when a session's client has heard all
        self.told: list[tuple[str, str, str]] = []  # session id, packet, cursor
        self.superseded: list[str] = []
        self.places: list[str | None] = []

    async def join(self, session_id: str, rooms: Collection[str]) -> None:
        if self.never_joins:
            await asyncio.Event().wait()
        for room in rooms:
            if room in self.refuses_to_join:
                raise self.refuses_to_join[room]
        for room in rooms:
            self.members.setdefault(room, set()).add(session_id)

    async def leave(self, session_id: str, room: str) -> None:
        self.members[room].remove(session_id)

    def hold(self, session_id: str) -> None:
        self.held.add(session_id)

    async def deliver(
        self, session_id: str, deliveries: Sequence[Delivery], places: Places, while_waiting: WhileWaiting
    ) -> bool:
        assert session_id in self.held
        for delivery in deliveries:
            if session_id in self.gone:
                break
            place = places.behind(delivery.epoch, delivery.offset)
            self.told.append((session_id, delivery.packet.decode(), place))
        return session_id not in self.gone

    async def release(
        self,
        session_id: str,
        told: Collection[Delivery],
        told_rooms: Collection[str],
        up_to: Cursor,
        while_waiting: WhileWaiting,
    ) -> bool:
        self.held.remove(session_id)
        return session_id not in self.gone

    def when_heard(self, session_id: str, then: Callable[[], None]) -> None:
        self.heard[session_id] = then

    def is_there(self, session_id: str) -> bool:
        return session_id not in self.gone

    async def supersede(self, session_id: str) -> None:
        self.superseded.append(session_id)

    async def send(self, session_id: str, name: str, data: Mapping[str, Any], place: str | None = None) -> None:
        self.sent.append((session_id, name, data))
        self.places.append(place)

    async def close(self, session_id: str, closing: Closing) -> None:
        self.closed.append((session_id, closing))

    def transport(self, session_id: str) -> str:
        return "websocket"

    def rooms_of(self, session_id: str) -> set[str]:
        return {room for room, members in self.members.items() if session_id in members}


class FakeDeadLetters:
    """Keeps dead letters in a list; `failures` times it is away first."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.failures = 0

    async def send(self, letter: DeadLetter) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaUnavailable("kafka-7.internal:9092 does not answer")
        self.letters.append(letter)


def _away() -> NoReturn:
    raise RedisUnavailable("cannot reach redis-7.internal:6379, password hunter2")


class AbsentBroker:
    """A broker whose Redis is away."""

    async def run(self, listener: BrokerListener) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        _away()

    async def publish_once(self, publications: Sequence[Publication], idempotency_key: str | None = None) -> bool:
        _away()

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        _away()

    async def missed(self, after: Mapping[str, Cursor], max_messages: int) -> Missed:
        _away()

    async def newest(
        self, rooms: Collection[str], after: Cursor | None, max_messages: int, max_age_seconds: float
    ) -> Missed:
        _away()

    def told(self) -> Cursor:
        return Cursor()

    def told_in(self, room: str) -> Place:
        _away()

    def cursor_at(self, delivery: Delivery) -> str:
        return f"{delivery.epoch}:{delivery.offset}"

    async def until_told(self, cursor: Cursor) -> None:
        _away()

    async def subscribe(self, rooms: Collection[str]) -> None:
        _away()

    def unsubscribe(self, rooms: Collection[str]) -> None:
        pass

    async def signal_pod(self, pod_id: str, signal: bytes) -> None:
        _away()

    async def signal_room(self, room: str, signal: bytes) -> None:
        _away()

    async def signal_all(self, signal: bytes) -> None:
        _away()

    def heard_seconds_ago(self) -> float:
        return 60.0


class AbsentPresence:
    """Presence whose Redis is away."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    async def arrive(self, device: Device) -> Arrival:
        _away()

    def settle(self, device_id: str) -> None:
        pass

    def leave(self, device_id: str, told: Place | None) -> None:
        pass

    async def devices(self, user_id: str) -> Sequence[Device]:
        _away()


class AbsentPodDirectory:
    """A directory whose Redis is away."""

    async def report(self, report: PodReport, lease_seconds: float) -> None:
        _away()

    async def leave(self, pod_id: str) -> None:
        _away()

    async def pods(self) -> Sequence[PodReport]:
        _away()
