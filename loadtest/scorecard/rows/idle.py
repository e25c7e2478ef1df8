"""Connections that say nothing: how fast they are taken in, and what memory each holds.

Each has a token that is verified and is in two rooms, the user's and that of the user's orders. Memory is what the
pod's resident set grows by, and what Redis holds more; the kernel's buffers are in neither. 64 handshakes are under
way at once, from TCP to the answer to the last join.
"""

import asyncio
from typing import Final

from redis.asyncio import Redis

from bench.client import LoadClient
from bench.measurements import Metric
from observe.processes import BYTES_PER_KB
from scorecard.busy import Busy, beside
from scorecard.card import Card, Deployed
from scorecard.contenders import Contender

HANDSHAKES: Final = Metric("idle/handshakes", "handshakes, one pod on one core", "connections/s")
HANDSHAKES_BESIDE: Final = beside("idle")
HANDSHAKE_CPU: Final = Metric("idle/cpu", "a handshake, the pod's CPU", "us", more_is_better=False)
CONNECTIONS: Final = Metric("idle/per_gib", "idle connections for a GiB of the pod", "connections/GiB")
IN_REDIS: Final = Metric("idle/redis", "what Redis holds of each of them", "KB", more_is_better=False)
BYTES_PER_GIB: Final = 1 << 30
# What the first connections load, or have compiled, is not theirs.
WARM_UP_SOCKETS: Final = 500


async def run(card: Card) -> None:
    """Measure handshakes and memory."""
    for contender in card.turns("idle"):
        card.say(f"idle connections: {contender.title}")
        with card.survives(f"idle connections, {contender.kind}"):
            await _measure(card, contender)


async def _measure(card: Card, contender: Contender) -> None:
    sockets = card.plan.idle_sockets
    async with (
        card.deployed(contender, sockets, cores=(card.cores.server,)) as deployed,
        LoadClient(card.directory / "client") as client,
    ):
        (pod,) = deployed.pods
        warm = min(WARM_UP_SOCKETS, sockets // 4)
        await deployed.connect(client, "all", warm, contender.follow_orders, pod)
        await asyncio.sleep(card.plan.quiet_seconds)
        resident, in_redis = pod.resident_bytes(), await _redis_bytes(deployed)
        before, rest = pod.cpu_seconds(), Busy(card.cores.rest)
        seconds = await client.connect("all", sockets - warm)
        others, spent = rest.percent(), pod.cpu_seconds() - before
        await asyncio.sleep(card.plan.quiet_seconds)
        more = sockets - warm
        grown = pod.resident_bytes() - resident
        grown_in_redis = await _redis_bytes(deployed) - in_redis
    card.record(HANDSHAKES, contender.kind, more / seconds)
    card.record(HANDSHAKES_BESIDE, contender.kind, others)
    card.record(HANDSHAKE_CPU, contender.kind, spent / more * 1e6)
    card.record(CONNECTIONS, contender.kind, BYTES_PER_GIB / (grown / more))
    # Of those who keep nothing there, what is left is that of Redis's own buffers, more or less.
    card.record(IN_REDIS, contender.kind, max(0.0, round(grown_in_redis / more / BYTES_PER_KB, 1)))


async def _redis_bytes(deployed: Deployed) -> int:
    async with Redis.from_url(deployed.redis) as redis:
        return int((await redis.info("memory"))["used_memory"])
