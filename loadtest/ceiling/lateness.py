"""How late messages are: from the Kafka producer's call until the client has read them, on this machine's clock."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from bench.client import LoadFailed, Report
from ceiling.stage import CROWD, WATCHERS, Pair, Stage
from tool.producer import Pace
from tool.quantities import percentile

USER_EVENTS: Final = 300
USER_EVENTS_PER_SECOND: Final = 50
ROOM_EVENTS: Final = 60
ROOM_EVENTS_PER_SECOND: Final = 10
# Each order's news is an `order:updated` and a `notification`; the time of sending is in the first.
MESSAGES_OF_AN_ORDER: Final = 2
ARRIVAL_SECONDS: Final = 60.0
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True)
class Lateness:
    """Of so many messages, in milliseconds, None when none arrived; `arrived` of `expected`."""

    expected: int
    arrived: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, latencies_ns: Mapping[int, int], expected: int) -> Self:
        """From a histogram: latency -> how many messages had it."""
        of = [percentile(latencies_ns, share) for share in (0.5, 0.99, 1.0)]
        return cls(expected, sum(latencies_ns.values()), *(None if ns is None else ns / NS_PER_MS for ns in of))

    @property
    def is_whole(self) -> bool:
        """Whether each message came, and once."""
        return self.arrived == self.expected


class Probe:
    """Writes records that everybody is told of at once, and asks the clients how late they were."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self._stage = stage
        self._chance = chance
        self._numbers = 0

    async def of_users(self) -> Lateness:
        """Orders of users by chance, each told to that user's one socket."""
        pairs = [pair for pair in self._stage.pairs if pair.counts[CROWD]]
        expected = Counter[int]()

        async def write() -> None:
            pair = self._chance.choice(pairs)
            user = pair.user(CROWD, self._chance.randrange(pair.counts[CROWD]))
            order = {"orderId": str(self._number()), "userId": user, "status": "shipped"}
            await self._write("order.updated", user, order | {"trackingNumber": str(time.monotonic_ns())})
            expected[pair.number] += MESSAGES_OF_AN_ORDER

        await self._arm(CROWD, '"orderId":"')
        await Pace(write, USER_EVENTS_PER_SECOND).run(USER_EVENTS)
        return await self._lateness(CROWD, expected, USER_EVENTS)

    async def of_room(self) -> Lateness:
        """One product's stock, told to everybody who follows all."""

        async def write() -> None:
            stock = {"productId": "p-1", "stock": self._number(), "lowStockThreshold": 0}
            await self._write("inventory.updated", "p-1", stock | {"sku": str(time.monotonic_ns())})

        await self._arm(WATCHERS, '"stock":')
        await Pace(write, ROOM_EVENTS_PER_SECOND).run(ROOM_EVENTS)
        expected = Counter({pair.number: ROOM_EVENTS * pair.counts[WATCHERS] for pair in self._stage.pairs})
        return await self._lateness(WATCHERS, expected, expected.total())

    async def _arm(self, group: str, order_key: str) -> None:
        await asyncio.gather(*(pair.client.arm(group, order_key, strict=False) for pair in self._stage.pairs))

    def _number(self) -> int:
        """The next of all that are written."""
        self._numbers += 1
        return self._numbers

    async def _write(self, topic: str, key: str, fact: Mapping[str, object]) -> None:
        stage = self._stage
        await stage.producer.send(stage.topics.name(topic), json.dumps(fact).encode(), key=key.encode())

    async def _lateness(self, group: str, frames: Counter[int], expected: int) -> Lateness:
        waiting = [_heard(pair, group, frames[pair.number]) for pair in self._stage.pairs]
        latencies = sum(await asyncio.gather(*waiting), Counter[int]())
        return Lateness.of(latencies, expected)


async def _heard(pair: Pair, group: str, frames: int) -> Counter[int]:
    """Wait until all of a client's messages are there. Raises `LoadFailed` for one out of order, or a lost socket."""
    report: Report = await pair.client.wait(group, frames, ARRIVAL_SECONDS)
    if report.out_of_order or report.lost or report.frames > frames:
        raise LoadFailed(f"{pair.pod.name}: of {frames} messages {report}")
    return await pair.client.latencies(group)
