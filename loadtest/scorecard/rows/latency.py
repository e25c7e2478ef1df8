"""From a Kafka record to the socket of its user, at the same modest load for all.

Two pods on one core, half of the sockets at each: for half of the records, the pod that reads it is not the one that
has the socket. From just before the record is handed to the producer to when the client reads it, both of
CLOCK_MONOTONIC.
"""

from typing import Final

from bench.client import LoadClient, LoadFailed
from bench.measurements import Metric
from scorecard.busy import Busy, beside
from scorecard.card import Card
from scorecard.contenders import Contender
from scorecard.records import ARRIVING, ORDER_KEY
from tool.producer import Pace

P50: Final = Metric("latency/p50", "Kafka record to socket, p50", "ms", more_is_better=False)
P99: Final = Metric("latency/p99", "Kafka record to socket, p99", "ms", more_is_better=False)
BESIDE: Final = beside("latency")
CPU: Final = Metric("latency/cpu", "at that load, both pods' CPU", "us/record", more_is_better=False)


async def run(card: Card) -> None:
    """Measure latency, and what it costs."""
    for contender in card.turns("latency"):
        card.say(f"latency from Kafka: {contender.title}")
        with card.survives(f"latency from Kafka, {contender.kind}"):
            await _measure(card, contender)


async def _measure(card: Card, contender: Contender) -> None:
    plan = card.plan
    async with (
        card.deployed(contender, plan.latency_sockets, cores=(card.cores.server,) * 2) as deployed,
        LoadClient(card.directory / "client") as client,
    ):
        await deployed.connect(client, "all", plan.latency_sockets, contender.follow_orders, *deployed.pods)
        for seconds in (plan.latency_warm_up_seconds, plan.latency_seconds):
            await client.arm("all", ORDER_KEY, strict=False)
            rest = Busy(card.cores.rest)
            before, written = deployed.cpu_seconds(), deployed.records.written
            await Pace(deployed.records.in_turn(), plan.latency_per_second).run(plan.latency_per_second * seconds)
            records = deployed.records.written - written
            report = await client.wait("all", ARRIVING * records)
            others = rest.percent()
            if report.frames != ARRIVING * records:
                raise LoadFailed(f"{report.frames} of {ARRIVING * records} messages came")
            spent = deployed.cpu_seconds() - before
    card.record(P50, contender.kind, report.latency.p50 / 1e3)
    card.record(P99, contender.kind, report.latency.p99 / 1e3)
    card.record(BESIDE, contender.kind, others)
    card.record(CPU, contender.kind, spent / records * 1e6)
