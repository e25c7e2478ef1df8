"""A backlog of orders that one pod on one core works off: records a second, and deliveries for a second of processor.

It is written while the pod is frozen (SIGSTOP) with its sockets connected and its partitions assigned; the time runs
from the instant at which it goes on. Each socket is its own user's; of the three messages that a record makes, two
arrive.
"""

from typing import Final

from bench.client import LoadClient
from bench.measurements import Metric
from scorecard.busy import Busy, beside
from scorecard.card import Card
from scorecard.contenders import Contender
from scorecard.records import ARRIVING, ORDER_KEY

RATE: Final = Metric("backlog/rate", "Kafka records worked off, one pod", "records/s")
BESIDE: Final = beside("backlog")
PER_CORE: Final = Metric("backlog/per_core", "one-user messages from Kafka", "deliveries/core-s")


async def run(card: Card) -> None:
    """Measure how fast a backlog is worked off."""
    for contender in card.turns("backlog"):
        card.say(f"a backlog in Kafka: {contender.title}")
        with card.survives(f"a backlog in Kafka, {contender.kind}"):
            await _measure(card, contender)


async def _measure(card: Card, contender: Contender) -> None:
    records, sockets = card.backlog(contender), card.plan.backlog_sockets
    async with (
        card.deployed(contender, sockets, cores=(card.cores.server,)) as deployed,
        LoadClient(card.directory / "client") as client,
    ):
        (pod,) = deployed.pods
        await deployed.connect(client, "all", sockets, contender.follow_orders, pod)
        await deployed.reads(client, "all", ARRIVING)
        pod.pause()
        await deployed.records.orders(records)
        await client.arm("all", ORDER_KEY, strict=False)
        before, rest = pod.cpu_seconds(), Busy(card.cores.rest)
        pod.resume()
        report = await client.wait("all", ARRIVING * records)
        others = rest.percent()
        report.check(ARRIVING * records, sockets)
        spent = pod.cpu_seconds() - before
    card.record(RATE, contender.kind, records / report.seconds)
    card.record(BESIDE, contender.kind, others)
    card.record(PER_CORE, contender.kind, report.frames / spent)
