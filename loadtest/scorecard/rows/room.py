"""A room of 1,000, told of records from Kafka one at a time: deliveries for a second of the pod's processor.

At a pace that all of them keep, so that nobody gains by joining what waits; what the pod does besides is in it.
"""

import asyncio
from typing import Final

from bench.client import LoadClient
from bench.measurements import Metric
from scorecard.card import Card
from scorecard.contenders import Contender
from scorecard.records import PRODUCT_KEY

PER_CORE: Final = Metric("room/per_core", "a room of 1,000, one at a time", "deliveries/core-s")

WARM_UP_RECORDS: Final = 5


async def run(card: Card) -> None:
    """Measure what a delivery to a large room takes."""
    for contender in card.turns("room"):
        card.say(f"a room of {card.plan.room_sockets:,}: {contender.title}")
        with card.survives(f"a room, {contender.kind}"):
            await _measure(card, contender)


async def _measure(card: Card, contender: Contender) -> None:
    sockets, records = card.plan.room_sockets, card.plan.room_records
    async with (
        card.deployed(contender, sockets, cores=(card.cores.server,)) as deployed,
        LoadClient(card.directory / "client") as client,
    ):
        (pod,) = deployed.pods
        await deployed.connect(client, "all", sockets, contender.follow_inventory, pod)
        for numbers in (range(WARM_UP_RECORDS), range(WARM_UP_RECORDS, WARM_UP_RECORDS + records)):
            await client.arm("all", PRODUCT_KEY)
            before = pod.cpu_seconds()
            for number in numbers:
                await deployed.records.inventory(number)
                await asyncio.sleep(1 / card.plan.room_per_second)
            report = await client.wait("all", len(numbers) * sockets)
            report.check(len(numbers) * sockets, sockets)
            spent = pod.cpu_seconds() - before
    card.record(PER_CORE, contender.kind, report.frames / spent)
