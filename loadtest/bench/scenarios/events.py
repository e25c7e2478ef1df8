"""Publish and receive through Redis: from one pod to a room with a single socket on another, events a second.

One at a time; 100 at once, each for itself; and, ours alone, 100 in one call, as Kafka's records are published. Ours by
`publish_once` and `publish_records`, with the history that clients recover from; stock python-socketio by its
AsyncRedisManager, Node by its Redis adapter, neither with a history. Who publishes one at a time waits for Redis each
time, but for Node, whose adapter never does; what is published at once, each for itself, has no order.
"""

import asyncio
from dataclasses import dataclass

from bench.client import LoadClient
from bench.emission import JOIN_ROOM, Emission
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK
from bench.run import Run


@dataclass(frozen=True)
class Way:
    """How events are published."""

    name: str
    title: str
    together: int
    via: str  # how ours does it


WAYS = (
    Way("single", "one at a time", 1, "publish"),
    Way("concurrent", "100 at once", 100, "concurrent"),
    Way("batch", "100 in one call", 100, "records"),
)
SETTLE_SECONDS = 0.5


def metrics(way: Way) -> tuple[Metric, Metric, Metric]:
    """Events a second from end to end, and the processor time of one at the publishing and the receiving pod."""
    title = f"through Redis, {way.title}"
    return (
        Metric(f"events/{way.name}/rate", title, "events/s"),
        Metric(f"events/{way.name}/publish", f"{title}, publishing pod's CPU", "us/event", more_is_better=False),
        Metric(f"events/{way.name}/receive", f"{title}, receiving pod's CPU", "us/event", more_is_better=False),
    )


async def run(run: Run) -> None:
    """Measure publishing on the measured core; Redis and the receiving pod have the other."""
    for repetition in run.repetitions("events"):
        for kind in run.among("events", repetition, OURS, NODE, STOCK):
            run.say(f"publish and receive through Redis: {kind}")
            with run.survives(f"publish and receive through Redis, {kind}"):
                await _measure(run, kind)


async def _measure(run: Run, kind: str) -> None:
    async with (
        run.redis() as redis,
        run.server(kind, redis=redis) as publisher,
        run.server(kind, redis=redis, core=run.cores.rest) as receiver,
        LoadClient(receiver.directory) as client,
    ):
        await client.group("speaker", publisher.port)
        await client.connect("speaker", 1)
        await client.group("all", receiver.port, joins=[JOIN_ROOM])
        await client.connect("all", 1)
        await asyncio.sleep(SETTLE_SECONDS)
        for way in WAYS if kind == OURS else WAYS[:2]:
            emission = Emission(client, 1, way.together, way.via, by="speaker", is_ordered=way.via != "concurrent")
            await emission.last(0)
            before = publisher.cpu_seconds(), receiver.cpu_seconds()
            report = await emission.emit(run.plan.redis_events)
            spent = publisher.cpu_seconds() - before[0], receiver.cpu_seconds() - before[1]
            rate, publish, receive = metrics(way)
            run.record(rate, kind, report.frames / report.seconds)
            run.record(publish, kind, spent[0] / report.frames * 1e6)
            run.record(receive, kind, spent[1] / report.frames * 1e6)
