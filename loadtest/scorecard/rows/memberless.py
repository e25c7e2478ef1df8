"""What a pod pays for messages to rooms that it has no members of.

Two pods: one reads Kafka and has all the members; the other, which is measured, has one socket that nobody writes to,
and reads nothing. A backlog is worked off, as in `backlog`. What the idle pod takes is taken off, and told by itself.
"""

import asyncio
import time
from typing import Final

from bench.client import LoadClient
from bench.measurements import Metric
from scorecard.card import Card
from scorecard.contenders import Contender
from scorecard.records import ARRIVING, MESSAGES, ORDER_KEY

CPU: Final = Metric("memberless/cpu", "a pod without members, CPU", "us/message", more_is_better=False)
IDLE: Final = Metric("memberless/idle", "a pod that does nothing, CPU", "% of a core", more_is_better=False)
MEMBERS: Final = 100
# What the pod has heard of later than the members.
BEHIND_SECONDS: Final = 1.0


async def run(card: Card) -> None:
    """Measure the pod that is not concerned."""
    for contender in card.turns("memberless"):
        card.say(f"a pod without members: {contender.title}")
        with card.survives(f"a pod without members, {contender.kind}"):
            await _measure(card, contender)


async def _measure(card: Card, contender: Contender) -> None:
    records = card.plan.memberless_records
    both_cores = (card.cores.rest, card.cores.server)
    async with (
        card.deployed(contender, MEMBERS, cores=both_cores, readers=1) as deployed,
        LoadClient(card.directory / "client") as client,
    ):
        reader, concerned_with_nothing = deployed.pods
        await deployed.connect(client, "all", MEMBERS, contender.follow_orders, reader)
        nobody = card.directory / "token-of-nobody"
        nobody.write_text(card.issuer.token("nobody", aud=None, iss=None) + "\n")
        await deployed.connect(
            client, "elsewhere", 1, contender.follow_inventory, concerned_with_nothing, tokens=nobody
        )
        await deployed.reads(client, "all", ARRIVING)
        before = concerned_with_nothing.cpu_seconds()
        await asyncio.sleep(card.plan.nothing_seconds)
        idle = (concerned_with_nothing.cpu_seconds() - before) / card.plan.nothing_seconds

        reader.pause()
        await deployed.records.orders(records)
        await client.arm("all", ORDER_KEY, strict=False)
        before, began = concerned_with_nothing.cpu_seconds(), time.monotonic()
        reader.resume()
        report = await client.wait("all", ARRIVING * records)
        report.check(ARRIVING * records, MEMBERS)
        await asyncio.sleep(BEHIND_SECONDS)
        spent = concerned_with_nothing.cpu_seconds() - before - idle * (time.monotonic() - began)
    # Less than a tenth of a microsecond is what the idle pod takes now more, now less.
    card.record(CPU, contender.kind, round(max(0.0, spent) / (MESSAGES * records) * 1e6, 1))
    card.record(IDLE, contender.kind, round(100 * idle, 1))
