"""The stages of a record's way, each measured for itself."""

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import hiredis
from pydantic import SecretStr
from redis.asyncio import Redis

from realtime.broker import wire
from realtime.broker.base import NO_POSITION, Delivery, Outcome, Publication, PublishedRecord, RecordBatch
from realtime.broker.redis import RedisBroker
from realtime.delivery.publisher import Publisher
from realtime.intake.traces import BatchTraces
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.routing.routes import Router
from realtime.settings import HistorySettings, RedisSettings, TracingSettings
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.start_tracing import start_tracing
from realtime.telemetry.tracing import Tracing
from realtime.transports.socketio.traces import trace_delivery

from .corpus import make_decoder, order_records

# A neighbour on the same machine doubles what it meets: many short rounds, of which the best has met none.
PURE_ROUNDS: Final = 200
RECORDS_A_ROUND: Final = 100
REDIS_ROUNDS: Final = 12
BATCH_RECORDS: Final = 500
BATCHES_A_ROUND: Final = 12
PARTITIONS: Final = 2
PREFIX: Final = "micro"
OUTCOME: Final = Outcome(RECORDS_A_ROUND)
TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TYPES: Final = ["order.updated"] * RECORDS_A_ROUND


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage costs this process, and Redis, in microseconds of CPU for each record."""

    stage: str
    us: float
    redis_us: float | None = None


def pure_costs() -> list[Cost]:
    """Measure what happens within the process: bytes of Kafka -> bytes for Redis."""
    decoder, router = make_decoder(), Router(low_stock_threshold=10)
    records = order_records()[:RECORDS_A_ROUND]
    events = [decoder.decode(record) for record in records]
    messages = [router.route(event) for event in events]
    publications = [Publisher.prepare(*pair) for pair in zip(events, messages, strict=True)]

    def decode() -> None:
        for record in records:
            decoder.decode(record)

    def route() -> None:
        for event in events:
            router.route(event)

    def encode() -> None:
        for event, of_it in zip(events, messages, strict=True):
            Publisher.prepare(event, of_it)

    def write() -> None:
        words: list[bytes | str] = []
        for of_it in publications:
            for publication in of_it:
                words += (publication.rooms[0], wire.encode(publication))
        hiredis.pack_command(tuple(words))

    return [
        Cost(name, _best(stage))
        for name, stage in (("decode", decode), ("route", route), ("encode", encode), ("write for Redis", write))
    ]


def trace_costs() -> list[Cost]:
    """Measure what a record's spans cost its pod: where nothing is traced, where this record is not, where it is.

    Then what a sampled message costs each pod that delivers it.
    """
    records = order_records()[:RECORDS_A_ROUND]
    nowhere = "http://127.0.0.1:9"  # spans that nobody takes cost their pod the same
    ways = (("off", None, 0), ("not sampled", nowhere, 0), ("sampled", nowhere, 1))
    costs = []
    for name, endpoint, ratio in ways:
        tracing = start_tracing(TracingSettings(endpoint=endpoint, sampling_ratio=ratio), "micro", "0", Metrics())

        def trace(tracing: Tracing = tracing) -> None:
            traces = BatchTraces(tracing, "group")
            for place, record in enumerate(records):
                with traces.process(place, record) as span:
                    traces.publish(span, 3)
            traces.end(OUTCOME, TYPES)

        costs.append(Cost(f"traces: {name}", _best(trace)))

    def deliver(tracing: Tracing = tracing) -> None:
        for _ in records:
            trace_delivery(tracing, "user:u", TRACEPARENT, 1)

    return [*costs, Cost("traces: deliver", _best(deliver))]


def _best(stage: Callable[[], None]) -> float:
    best = math.inf
    for _ in range(PURE_ROUNDS):
        started = time.perf_counter()
        stage()
        best = min(best, time.perf_counter() - started)
    return best / RECORDS_A_ROUND * 1e6


async def redis_costs(url: str) -> list[Cost]:
    """Measure publishing (which writes for Redis, too) and receiving, over a Redis that has nothing else to do."""
    settings = RedisSettings(url=SecretStr(url), key_prefix=PREFIX)
    broker = RedisBroker(connect_redis(settings), settings, HistorySettings(), "micro", Metrics())
    try:
        async with Redis.from_url(url) as operator:
            return [await _publishing(broker, operator), await _receiving(broker, url)]
    finally:
        await broker.close()


async def _publishing(broker: RedisBroker, operator: Redis) -> Cost:
    published = published_by_corpus()
    records = BATCHES_A_ROUND * BATCH_RECORDS
    costs = []
    position = 0

    async def publish(partition: int) -> None:
        for start in range(position, position + records // PARTITIONS, BATCH_RECORDS):
            batch = [
                PublishedRecord(offset, published[offset % len(published)])
                for offset in range(start, start + BATCH_RECORDS)
            ]
            await broker.publish_records(RecordBatch("t", partition, NO_POSITION, batch))

    for _ in range(REDIS_ROUNDS):
        before, cpu = await _redis_cpu(operator), time.process_time()
        await asyncio.gather(*(publish(partition) for partition in range(PARTITIONS)))
        cpu = time.process_time() - cpu
        costs.append((cpu / records * 1e6, (await _redis_cpu(operator) - before) / records * 1e6))
        position += records // PARTITIONS
    return Cost("publish", min(own for own, _ in costs), min(redis for _, redis in costs))


async def _receiving(broker: RedisBroker, url: str) -> Cost:
    said = [publication for of_it in published_by_corpus() for publication in of_it]
    ears = _Ears()
    channel = Keys(PREFIX).room
    costs = []
    async with _listening(broker, ears):
        await broker.subscribe({publication.rooms[0] for publication in said})
        offset = 10**16  # behind all that was published
        for _ in range(REDIS_ROUNDS):
            packed = []
            for publication in said * 4:
                offset += 1
                payload = wire.with_offset("epoch", offset, wire.encode(publication))
                packed.append(hiredis.pack_command(("PUBLISH", channel + publication.rooms[0], payload)))
            ears.expect(len(packed))
            cpu = time.thread_time()
            sending = asyncio.create_task(asyncio.to_thread(_send, url, b"".join(packed)))
            await ears.have_heard_all.wait()
            costs.append((time.thread_time() - cpu) / len(packed) * 1e6)
            await sending
    messages_a_record = len(said) / len(published_by_corpus())
    return Cost("receive", min(costs) * messages_a_record)


class _Ears:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.have_heard_all = asyncio.Event()
        self._missing = 0

    def expect(self, messages: int) -> None:
        self._missing = messages
        self.have_heard_all.clear()

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self._missing -= len(deliveries)
        if not self._missing:
            self.have_heard_all.set()

    def on_signal(self, signal: bytes) -> None:
        pass


@asynccontextmanager
async def _listening(broker: RedisBroker, ears: _Ears) -> AsyncIterator[None]:
    running = asyncio.create_task(broker.run(ears))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


def _send(url: str, commands: bytes) -> None:
    """Send from another thread, whose time is not counted."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(commands)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass


def published_by_corpus() -> list[list[Publication]]:
    """Make what each record of the corpus comes to, ready to publish."""
    decoder, router = make_decoder(), Router(low_stock_threshold=10)
    events = [decoder.decode(record) for record in order_records()]
    return [Publisher.prepare(event, router.route(event)) for event in events]


async def _redis_cpu(operator: Redis) -> float:
    usage = await operator.info("cpu")
    return float(usage["used_cpu_user"] + usage["used_cpu_sys"])
