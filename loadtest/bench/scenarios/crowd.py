"""A crowd: the memory of idle connections, and what it costs when all of them leave at once.

Each connection has an identity, from a token, and is in two rooms: one of its own, one that all share. Memory is what
the server's resident set grows by; the kernel's buffers are not in it. While the crowd leaves, a witness who stays asks
for an echo every 5 ms, answered or not: the longest round trip is how long the event loop stood still.
"""

import asyncio
import time

from bench.client import LoadClient, LoadFailed
from bench.emission import JOIN_ROOM
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK, Server
from bench.run import Run
from observe.processes import BYTES_PER_KB

JOINS = ['420["join","user:%d"]', JOIN_ROOM.replace("420", "421", 1)]
# Before the first look at the server's memory: what the first connections load is not theirs.
WARM_UP_SOCKETS = 100
QUIET_SECONDS = 1.0
ECHO_EVERY_MS = 5
LOOK_EVERY_SECONDS = 0.05
LEAVE_TIMEOUT_SECONDS = 300.0


def memory_metric(sockets: int) -> Metric:
    """Growth of the resident set for each connection."""
    return Metric(f"memory/{sockets}", f"memory of an idle connection, at {sockets:,}", "KB", more_is_better=False)


def leaving_metrics(sockets: int) -> tuple[Metric, Metric]:
    """Processor time, and the witness's longest round trip."""
    return (
        Metric(f"leaving/{sockets}/cpu", f"{sockets:,} leave at once, processor time", "s", more_is_better=False),
        Metric(f"leaving/{sockets}/stall", f"{sockets:,} leave at once, longest stall", "ms", more_is_better=False),
    )


async def run(run: Run) -> None:
    """Measure memory at each size, then let all leave."""
    for repetition in run.repetitions("crowd"):
        for kind in run.among("crowd", repetition, OURS, NODE, STOCK):
            run.say(f"a crowd: {kind}")
            with run.survives(f"a crowd, {kind}"):
                await _measure(run, kind)


async def _measure(run: Run, kind: str) -> None:
    # Among more, stock python-socketio stands still for so long when they leave that it closes the witness, too.
    sizes = run.plan.crowd_sockets[:1] if kind == STOCK else run.plan.crowd_sockets
    largest = sizes[-1]
    tokens = run.tokens(largest)
    async with run.server(kind, secret=run.issuer.signing_key) as server, LoadClient(server.directory) as client:
        await client.group("all", server.port, tokens=tokens, joins=JOINS)
        await client.group("witness", server.port, tokens=tokens)
        await client.connect("witness", 1)
        await client.connect("all", WARM_UP_SOCKETS)
        await asyncio.sleep(QUIET_SECONDS)
        before, connected = server.resident_bytes(), WARM_UP_SOCKETS
        for sockets in sizes:
            await client.connect("all", sockets - connected)
            connected = sockets
            await asyncio.sleep(QUIET_SECONDS)
            grown = server.resident_bytes() - before
            run.record(memory_metric(sockets), kind, grown / (sockets - WARM_UP_SOCKETS) / BYTES_PER_KB)
        await _leave(run, kind, server, client, largest)


async def _leave(run: Run, kind: str, server: Server, client: LoadClient, sockets: int) -> None:
    cpu, stall = leaving_metrics(sockets)
    before = server.cpu_seconds()
    await client.start_echoes("witness", ECHO_EVERY_MS)
    await client.drop("all")
    limit = time.monotonic() + LEAVE_TIMEOUT_SECONDS
    while await client.ask("witness", "count", LEAVE_TIMEOUT_SECONDS) > 1:
        if time.monotonic() > limit:
            raise LoadFailed(f"after {LEAVE_TIMEOUT_SECONDS:.0f} s the server still counts sockets that have left")
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    spent = server.cpu_seconds() - before
    echoes = await client.stop_echoes("witness")
    run.record(cpu, kind, spent)
    run.record(stall, kind, echoes.max / 1e3)
