"""What Redis keeps for each thing that pods put there, in bytes, and what it costs Redis to publish, in time.

`make redis-memory`; ARGS="--results DIRECTORY" keeps the table. The product's own classes write, into an empty Redis;
what a thing takes is what `used_memory` grew by. Names and places are as long as a shop's are.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import typer
import uvloop
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from micro.stages import published_by_corpus
from parts.redis_server import RedisServer, redis_name
from realtime.broker.base import NO_POSITION, Publication, PublishedRecord, RecordBatch
from realtime.broker.place import Place
from realtime.broker.redis import RedisBroker
from realtime.presence.base import Device
from realtime.presence.redis_devices import RedisPresence
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.resumption.base import ResumableSession
from realtime.resumption.redis import RedisResumableSessions
from realtime.settings import HistorySettings, PresenceSettings, RecoverySettings, RedisSettings
from realtime.telemetry.metrics import Metrics
from tool.frame import begun
from tool.kept import Header
from tool.needs import need_programs

PREFIX: Final = "realtime"
EPOCH: Final = "7Qx2f0aB"
OFFSET: Final = 1_795_428_000_123_456
THINGS: Final = 5_000  # of each kind, of which one is then the mean
LONG_ROOMS: Final = 20
PODS_THAT_SUBSCRIBE: Final = 2
TOLD_AT_ONCE: Final = 500
NODE_BYTES: Final = (1_024, 512)
BATCHES: Final = (1, 10, 100, 500)
RECORDS_A_BATCH_SIZE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Row:
    """One thing: its bytes in Redis, or the microseconds of Redis' CPU."""

    what: str
    value: float
    unit: str


class Measured:
    """An empty Redis, and what is written into it."""

    def __init__(self, url: str) -> None:
        self.settings = RedisSettings(url=SecretStr(url), key_prefix=PREFIX)
        self.history = HistorySettings()
        self.client = connect_redis(self.settings)
        self.operator = Redis.from_url(url)
        self.broker = RedisBroker(self.client, self.settings, self.history, "pod-0", Metrics())
        self.rows: list[Row] = []
        records = published_by_corpus()
        self.of_a_record = records
        self.for_one_room = [publication for record in records for publication in record if len(publication.rooms) == 1]

    async def memory(self) -> int:
        """Bytes that Redis has in use."""
        return int((await self.operator.info("memory"))["used_memory"])

    async def cpu_us(self) -> float:
        """Microseconds of CPU that Redis has used so far."""
        usage = await self.operator.info("cpu")
        return float(usage["used_cpu_user"] + usage["used_cpu_sys"]) * 1e6

    async def each(self, what: str, count: int, write: Callable[[], Awaitable[object]], *, cpu: str = "") -> None:
        """Note by how much each of so many things that are written makes Redis grow, and what it costs it."""
        memory, cpu_us = await self.memory(), await self.cpu_us()
        await write()
        cpu_us = await self.cpu_us() - cpu_us
        if what:
            self.rows.append(Row(what, (await self.memory() - memory) / count, "bytes"))
        if cpu:
            self.rows.append(Row(cpu, cpu_us / count, "us"))

    async def empty(self) -> None:
        """Forget all; what grows with the first thing of a kind alone is there again at once."""
        await self.operator.flushall()
        await self.broker.publish_once([_in_room("warm", self.for_one_room[0])])

    def message(self, number: int) -> Publication:
        """Give a message such as orders come to."""
        return self.for_one_room[number % len(self.for_one_room)]


def _in_room(room: str, publication: Publication) -> Publication:
    return Publication(publication.packet, (room,), publication.occurred_ms)


async def histories(measured: Measured) -> None:
    """Measure rooms' histories: streams, of which a short one costs more for each message than a long one.

    Redis gives a stream's first node `stream-node-max-bytes` at once, 4 KB by default, however little is in it.
    """
    lengths = [len(publication.packet) for publication in measured.for_one_room]
    measured.rows.append(Row("a message's packet, for comparison", sum(lengths) / len(lengths), "bytes"))
    await _rooms(measured, "")
    for node_bytes in NODE_BYTES:
        await measured.operator.config_set("stream-node-max-bytes", node_bytes)
        await _rooms(measured, f", with stream-node-max-bytes {node_bytes:,}")
    await measured.operator.config_set("stream-node-max-bytes", 4_096)
    limit = measured.history.max_messages_per_room
    room = "admin:dashboard"
    for _ in range(3 * limit // 100):
        await measured.broker.publish_once([_in_room(room, measured.message(n)) for n in range(100)])
    length = await measured.operator.xlen(Keys(PREFIX).history + room)
    measured.rows.append(Row(f"kept of a room when history.max_messages_per_room is {limit:,}", length, "messages"))


async def _rooms(measured: Measured, how: str) -> None:
    for kept, rooms in ((1, THINGS), (10, THINGS // 5), (100, THINGS // 25), (1_000, LONG_ROOMS)):
        await measured.empty()

        async def fill(kept: int = kept, rooms: int = rooms) -> None:
            for number in range(rooms):
                room = f"orders:user-{number:06}"
                messages = [_in_room(room, measured.message(number + n)) for n in range(kept)]
                for start in range(0, kept, 100):
                    await measured.broker.publish_once(messages[start : start + 100])

        await measured.each(f"a room with {kept:,} message{'s' * (kept > 1)}{how}", rooms, fill)


async def sessions(measured: Measured) -> None:
    """Measure sessions that can be resumed, and devices of users who are there, and who have gone."""
    keys, place = Keys(PREFIX), Place(EPOCH, OFFSET)
    kept = RedisResumableSessions(measured.client, keys, RecoverySettings(), "pod-0", Metrics())
    presence = RedisPresence(
        measured.client, keys, PresenceSettings(), measured.history, "pod-0", lambda: place, Metrics()
    )

    made = []
    for number in range(THINGS):
        user, session = f"user-{number:06}", uuid4().hex[:20]
        rooms = {f"user:{user}": place, f"orders:{user}": place}
        made.append((uuid4().hex, ResumableSession(user_id=user, session_id=session, rooms=rooms, heard=(place,))))

    async def keep() -> None:
        for one in made:
            await kept.keep(*one)

    async def keep_again() -> None:
        for start in range(0, THINGS, TOLD_AT_ONCE):
            await asyncio.gather(*(kept.keep(*one) for one in made[start : start + TOLD_AT_ONCE]))

    devices = [f"{number:06}" + uuid4().hex[:14] for number in range(THINGS)]

    async def arrive() -> None:
        for number, device in enumerate(devices):
            at = "2026-11-28T12:00:00.000Z"
            who = Device(
                device_id=device, user_id=f"user-{number:06}", pod_id="pod-0", transport="websocket", connected_at=at
            )
            await presence.arrive(who)
            presence.settle(device)
        await presence.devices("nobody")

    async def leave() -> None:
        for device in devices:
            presence.leave(device, place)
        await presence.devices("nobody")

    await measured.empty()
    # One after the other: what Redis has forgotten here, they would tell it again.
    async with _running(kept.run()):
        await measured.each(
            "a session that can be resumed, with two rooms", THINGS, keep, cpu="keeping a session, alone"
        )
        await measured.each("", THINGS, keep_again, cpu=f"keeping a session again, {TOLD_AT_ONCE} a call")
    await measured.empty()
    async with _running(presence.run()):
        await measured.each("a user with one device", THINGS, arrive, cpu="a device's arrival, alone")
        there, before = measured.rows[-2], await measured.memory()
        await leave()
        gone = (await measured.memory() - before) / THINGS
        measured.rows.append(Row("a user whose devices have gone", there.value + gone, "bytes"))


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def small_things(measured: Measured) -> None:
    """Measure what there is one of for each partition, each request, each subscription."""
    await measured.empty()

    async def positions() -> None:
        for number in range(THINGS):
            await measured.broker.publish_records(
                RecordBatch("order.updated", number, NO_POSITION, [PublishedRecord(OFFSET)])
            )

    async def keys() -> None:
        for _ in range(THINGS):
            await measured.broker.publish_once((), str(uuid4()))

    await measured.each("a Kafka partition's position", THINGS, positions)
    await measured.empty()
    await measured.each("an Idempotency-Key", THINGS, keys)
    channels = [f"{Keys(PREFIX).room}orders:user-{number:06}" for number in range(THINGS)]
    listeners = [measured.operator.pubsub() for _ in range(PODS_THAT_SUBSCRIBE)]
    for number, listener in enumerate(listeners, 1):

        async def subscribe(listener: PubSub = listener) -> None:
            for start in range(0, THINGS, 500):
                await listener.subscribe(*channels[start : start + 500])
            heard = 0
            while heard < THINGS:
                heard += await listener.get_message(timeout=5) is not None

        await measured.each(f"a room's subscription, by pod {number}", THINGS, subscribe)
    for listener in listeners:
        await listener.aclose()


async def publishing(measured: Measured) -> None:
    """Measure Redis' CPU for each record of `order.updated`: three messages, each into one room."""
    records = measured.of_a_record
    for batch in BATCHES:
        await measured.empty()
        costs = []
        for repeated in range(3):
            before = await measured.cpu_us()
            first = repeated * RECORDS_A_BATCH_SIZE
            for start in range(first, first + RECORDS_A_BATCH_SIZE, batch):
                offsets = range(start, start + batch)
                of_it = [PublishedRecord(offset, records[offset % len(records)]) for offset in offsets]
                await measured.broker.publish_records(RecordBatch("order.updated", 0, NO_POSITION, of_it))
            costs.append((await measured.cpu_us() - before) / RECORDS_A_BATCH_SIZE)
        measured.rows.append(Row(f"publishing a record, {batch} a call", min(costs), "us"))


async def measure(url: str) -> Sequence[Row]:
    """Measure all of it."""
    measured = Measured(url)
    try:
        measured.rows.append(Row("an empty server", await measured.memory(), "bytes"))
        for part in (histories, sessions, small_things, publishing):
            await part(measured)
    finally:
        await measured.broker.close()
        await measured.operator.aclose()
    return measured.rows


async def _over_a_redis_of_our_own(directory: Path) -> Sequence[Row]:
    # What is appended to a file is not what is measured.
    server = RedisServer(directory / "redis", "--appendonly", "no")
    await server.start()
    try:
        return await measure(server.url)
    finally:
        await server.kill()


def as_markdown(rows: Sequence[Row], redis: str, about: str) -> str:
    """Write the table."""
    lines = [
        f"# What Redis keeps, {about}",
        "",
        f"{redis}. Bytes are growth of `used_memory` for each; us are Redis' own CPU (best of three for publishing).",
        "A record is an `order.updated`: three messages, each into one room, histories full or not.",
        "",
        "| | | |",
        "|---|---:|---|",
        *(f"| {row.what} | {row.value:,.{1 if row.unit == 'us' else 0}f} | {row.unit} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def main(
    results: Annotated[Path | None, typer.Option(help="Where results.md and results.json go; else nowhere.")] = None,
) -> None:
    """Print the table, and keep it where it shall be kept."""
    with begun("redis-memory") as tool:
        need_programs("redis-server")
        rows = uvloop.run(_over_a_redis_of_our_own(tool.directory))
        header = tool.header(Header)
        text = as_markdown(rows, redis_name(), f"{header.date:%Y-%m-%d}, commit {header.commit}")
        print(text)
        if results is not None:
            where = header.own_directory(results, "redis")
            lines = "\n".join(header.lines())
            (where / "results.md").write_text(f"{text}\n{lines}\n")
            told = header.as_json() | {"redis": redis_name(), "rows": [asdict(row) for row in rows]}
            (where / "results.json").write_text(json.dumps(told, indent=2) + "\n")
            tool.tell_where(where)


if __name__ == "__main__":
    typer.run(main)
