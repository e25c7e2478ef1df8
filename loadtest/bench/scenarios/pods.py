"""Two pods that share rooms through Redis: messages are emitted on pod A, and the sockets are on pod B.

Pod B has the measured core to itself; pod A, Redis and the client share the other. Then the same with the only member
on pod A: what does pod B pay for messages to a room that it has no members of?
"""

import asyncio
import time

from bench.client import LoadClient
from bench.emission import JOIN_ROOM, Emission
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK
from bench.run import Run

PER_TICK = (1, 16)
MEMBERLESS_PER_TICK = 16
IDLE_SECONDS = 1.0
# Subscriptions of pods that have just started.
SETTLE_SECONDS = 0.5
# The way that messages go in the product: one atomic call for what is published together, history included.
VIA = "publish"

MEMBERLESS = Metric("pods/memberless", "a pod without members, its CPU per message", "us", more_is_better=False)


def rate_metric(per_tick: int) -> Metric:
    """Messages that arrived at pod B's sockets, in a second."""
    return Metric(f"pods/{per_tick}/rate", f"two pods over Redis, k={per_tick}", "deliveries/s")


def cpu_metric(per_tick: int) -> Metric:
    """Pod B's processor time for each."""
    title = f"two pods over Redis, k={per_tick}, the receiving pod's CPU"
    return Metric(f"pods/{per_tick}/cpu", title, "us/delivery", more_is_better=False)


async def run(run: Run) -> None:
    """Measure pod B with members and without."""
    for repetition in run.repetitions("pods"):
        for kind in run.among("pods", repetition, OURS, NODE, STOCK):
            run.say(f"two pods over Redis: {kind}")
            with run.survives(f"two pods over Redis, {kind}"):
                await _with_members(run, kind)
                await _without_members(run, kind)


async def _with_members(run: Run, kind: str) -> None:
    sockets = run.plan.pods_sockets
    async with (
        run.redis() as redis,
        run.server(kind, redis=redis, core=run.cores.rest) as pod_a,
        run.server(kind, redis=redis) as pod_b,
        LoadClient(pod_b.directory) as client,
    ):
        await client.group("speaker", pod_a.port)
        await client.connect("speaker", 1)
        await client.group("all", pod_b.port, joins=[JOIN_ROOM])
        await client.connect("all", sockets)
        await asyncio.sleep(SETTLE_SECONDS)
        for per_tick in PER_TICK:
            emission = Emission(client, sockets, per_tick, VIA, by="speaker")
            messages = await emission.last(run.plan.pods_seconds)
            before = pod_b.cpu_seconds()
            report = await emission.emit(messages)
            spent = pod_b.cpu_seconds() - before
            run.record(rate_metric(per_tick), kind, report.frames / report.seconds)
            run.record(cpu_metric(per_tick), kind, spent / report.frames * 1e6)


async def _without_members(run: Run, kind: str) -> None:
    async with (
        run.redis() as redis,
        run.server(kind, redis=redis, core=run.cores.rest) as pod_a,
        run.server(kind, redis=redis) as pod_b,
        LoadClient(pod_b.directory) as client,
    ):
        await client.group("all", pod_a.port, joins=[JOIN_ROOM])
        await client.connect("all", 1)
        # Elsewhere on pod B, so that it has done all that a pod with sockets does.
        await client.group("elsewhere", pod_b.port, joins=['420["join","elsewhere"]'])
        await client.connect("elsewhere", 1)
        await asyncio.sleep(SETTLE_SECONDS)
        emission = Emission(client, 1, MEMBERLESS_PER_TICK, VIA)
        await emission.last(0)
        before = pod_b.cpu_seconds()
        await asyncio.sleep(IDLE_SECONDS)
        idle = (pod_b.cpu_seconds() - before) / IDLE_SECONDS

        before, began = pod_b.cpu_seconds(), time.monotonic()
        report = await emission.emit(run.plan.redis_events)
        spent = pod_b.cpu_seconds() - before - idle * (time.monotonic() - began)
    run.record(MEMBERLESS, kind, max(0.0, spent) / report.frames * 1e6)
