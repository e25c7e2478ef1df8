"""Handshakes: from TCP to being in a room, with a token (HS256) that the server verifies; 64 under way at once."""

from bench.client import LoadClient
from bench.emission import JOIN_ROOM
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK
from bench.run import Run

RATE = Metric("handshakes/rate", "handshakes with a token and a join", "connections/s")
CPU = Metric("handshakes/cpu", "handshakes, processor time of each", "us", more_is_better=False)
# Not measured: a server's first connections load what later ones find loaded, or compiled.
WARM_UP_SOCKETS = 500


async def run(run: Run) -> None:
    """Measure how many connections a second a server takes."""
    for repetition in run.repetitions("handshakes"):
        for kind in run.among("handshakes", repetition, OURS, NODE, STOCK):
            run.say(f"handshakes: {kind}")
            with run.survives(f"handshakes, {kind}"):
                await _measure(run, kind)


async def _measure(run: Run, kind: str) -> None:
    sockets = run.plan.handshakes
    async with run.server(kind, secret=run.issuer.signing_key) as server, LoadClient(server.directory) as client:
        await client.group("all", server.port, tokens=run.tokens(sockets), joins=[JOIN_ROOM])
        await client.connect("all", WARM_UP_SOCKETS)
        before = server.cpu_seconds()
        seconds = await client.connect("all", sockets)
        spent = server.cpu_seconds() - before
    run.record(RATE, kind, sockets / seconds)
    run.record(CPU, kind, spent / sockets * 1e6)
