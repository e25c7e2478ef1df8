"""A connect storm beside live traffic: a room of 200 hears 50 messages a second while thousands connect."""

import asyncio

from bench.client import LoadClient, LoadFailed
from bench.emission import JOIN_ROOM, ORDER_KEY, go
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK
from bench.run import Run

RECEIVERS = 200
EVERY_MS = 20
# More than any storm lasts: the server is ended before they are used up.
MESSAGES = 60_000
BEFORE_SECONDS = 1.0
JOIN_ELSEWHERE = '420["join","storm"]'

RATE = Metric("storm/rate", "connect storm beside live traffic", "connections/s")
P99 = Metric("storm/p99", "connect storm, latency p99 of the live traffic", "ms", more_is_better=False)


async def run(run: Run) -> None:
    """Measure how fast they connect, and what the others feel of it."""
    for repetition in run.repetitions("storm"):
        for kind in run.among("storm", repetition, OURS, NODE, STOCK):
            run.say(f"connect storm: {kind}")
            with run.survives(f"connect storm, {kind}"):
                await _measure(run, kind)


async def _measure(run: Run, kind: str) -> None:
    sockets = run.plan.storm_sockets
    tokens = run.tokens(sockets)
    async with run.server(kind, secret=run.issuer.signing_key) as server, LoadClient(server.directory) as client:
        await client.group("receivers", server.port, tokens=tokens, joins=[JOIN_ROOM])
        await client.group("storm", server.port, tokens=tokens, joins=[JOIN_ELSEWHERE])
        await client.connect("receivers", RECEIVERS)
        await client.send("receivers", go(MESSAGES, every_ms=EVERY_MS, via=run.via))
        await asyncio.sleep(BEFORE_SECONDS)
        await client.arm("receivers", ORDER_KEY)
        seconds = await client.connect("storm", sockets)
        report = await client.report("receivers")
    if report.out_of_order or report.lost:
        raise LoadFailed(f"{report.out_of_order} messages were out of order, {report.lost} receivers were lost")
    run.record(RATE, kind, sockets / seconds)
    run.record(P99, kind, report.latency.p99 / 1e3)
