"""Latency at equal load: a room of 1,000, one message every 75 ms, from the server's clock to the client's."""

from bench.emission import ORDER_KEY, go
from bench.measurements import Metric
from bench.processes import NODE, OURS, STOCK
from bench.run import Run

SOCKETS = 1_000
EVERY_MS = 75
WARM_UP_MESSAGES = 20
WARM_UP_EVERY_MS = 50
QUANTILES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}


def metric(quantile: str) -> Metric:
    """A quantile over all deliveries."""
    title = f"latency {QUANTILES[quantile]}, N={SOCKETS:,}, one every {EVERY_MS} ms"
    return Metric(f"latency/{quantile}", title, "ms", more_is_better=False)


async def run(run: Run) -> None:
    """Measure the quantiles of latency."""
    for repetition in run.repetitions("latency"):
        for kind in run.among("latency", repetition, OURS, NODE, STOCK):
            run.say(f"latency: {kind}")
            with run.survives(f"latency, {kind}"):
                await _measure(run, kind)


async def _measure(run: Run, kind: str) -> None:
    async with run.loaded(kind, SOCKETS) as (_, client):
        for messages, every_ms in ((WARM_UP_MESSAGES, WARM_UP_EVERY_MS), (run.plan.latency_messages, EVERY_MS)):
            await client.arm("all", ORDER_KEY)
            await client.send("all", go(messages, every_ms=every_ms, via=run.via))
            report = await client.wait("all", messages * SOCKETS)
            report.check(messages * SOCKETS, SOCKETS)
    for quantile in QUANTILES:
        run.record(metric(quantile), kind, getattr(report.latency, quantile) / 1e3)
