"""A million connections that come and go, ten thousand at a time: what memory is left of them.

Each says CONNECT with a token and joins two rooms, as in the crowd. Not part of a whole run: `--only leak`.
"""

import asyncio
import time

from bench.client import LoadClient, LoadFailed
from bench.measurements import Metric
from bench.processes import OURS
from bench.run import Run
from bench.scenarios.crowd import JOINS, LEAVE_TIMEOUT_SECONDS, LOOK_EVERY_SECONDS

SOCKETS_PER_ROUND = 10_000
# After these the allocator has all that so many connections need at once; what grows from then on is lost.
WARM_UP_ROUNDS = 5
BYTES_PER_MB = 1 << 20

AFTER_WARM_UP = Metric("leak/warm", "memory after 50,000 connections", "MB", more_is_better=False)
AT_THE_END = Metric("leak/end", "memory at the end", "MB", more_is_better=False)
CONNECTED = Metric("leak/connections", "connections that came and went", "connections")
LOST = Metric("leak/each", "memory lost to each connection", "bytes", more_is_better=False)


async def run(run: Run) -> None:
    """Let them come and go, and look at the memory in between."""
    rounds = run.plan.leak_connections // SOCKETS_PER_ROUND
    tokens = run.tokens(SOCKETS_PER_ROUND)
    sizes = []
    async with run.server(OURS, secret=run.issuer.signing_key) as server:
        for number in range(1, rounds + 1):
            async with LoadClient(server.directory) as client:  # one process does not use a socket again
                await client.group("witness", server.port, tokens=tokens)
                await client.connect("witness", 1)
                await client.group("all", server.port, tokens=tokens, joins=JOINS)
                await client.connect("all", SOCKETS_PER_ROUND)
                await client.drop("all")
                limit = time.monotonic() + LEAVE_TIMEOUT_SECONDS
                while await client.ask("witness", "count", LEAVE_TIMEOUT_SECONDS) > 1:
                    if time.monotonic() > limit:
                        raise LoadFailed("the server still counts sockets that have left")
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
            sizes.append(server.resident_bytes())
            run.say(f"{number * SOCKETS_PER_ROUND:,} connections came and went: {sizes[-1] / BYTES_PER_MB:.1f} MB")
    warm = sizes[WARM_UP_ROUNDS - 1]
    run.record(AFTER_WARM_UP, OURS, warm / BYTES_PER_MB)
    run.record(AT_THE_END, OURS, sizes[-1] / BYTES_PER_MB)
    run.record(CONNECTED, OURS, rounds * SOCKETS_PER_ROUND)
    run.record(LOST, OURS, (sizes[-1] - warm) / ((rounds - WARM_UP_ROUNDS) * SOCKETS_PER_ROUND))
