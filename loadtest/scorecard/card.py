"""One run: what the rows share."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from bench.client import LoadClient, LoadFailed
from bench.pods import make_pod
from bench.processes import STOCK, Server
from bench.run import Stage
from parts.kafka import Kafka
from parts.topics import Topics
from scorecard.contenders import Contender
from scorecard.plan import Plan
from scorecard.records import PARTITIONS, STAMP_KEY, Records

# Ours takes in 200 newcomers a second by default, so that live traffic is not late; that would be what is measured. And
# before it closes sockets it waits for balancers to notice, of which there is none here.
SETTINGS = {
    "REALTIME_DRAIN__SETTLE_SECONDS": "0.5",
    "REALTIME_LIMITS__HANDSHAKES_PER_SECOND": "100000",
    "REALTIME_LIMITS__HANDSHAKES_BURST": "100000",
    "REALTIME_LIMITS__HANDSHAKES_WAITING_MAX": "100000",
}


@dataclass(frozen=True)
class Deployed:
    """Pods of one contender that share a Redis and the topics."""

    stage: Stage
    contender: Contender
    pods: Sequence[Server]
    records: Records
    redis: str

    async def connect(
        self, client: LoadClient, name: str, sockets: int, join: str, *pods: Server, tokens: Path | None = None
    ) -> None:
        """Connect so many sockets to the pods in turn, the first one as `user-0` and so on; all join one more room.

        `tokens` are others than those of the users that there are.
        """
        await client.group(
            name,
            *(pod.port for pod in pods),
            tokens=tokens or self.stage.tokens(len(self.records.users)),
            joins=[join],
            dialect=self.contender.dialect,
            stamp=STAMP_KEY,
        )
        await client.connect(name, sockets)

    async def reads(self, client: LoadClient, name: str, arriving: int) -> None:
        """Return when a record for each user has been heard of by its socket: every partition is then read.

        Raises `LoadFailed`.
        """
        await client.arm(name)
        await self.records.orders(len(self.records.users))
        wanted = arriving * len(self.records.users)
        report = await client.wait(name, wanted)
        if report.frames < wanted:
            raise LoadFailed(f"{report.frames} of {wanted} messages came before anything was measured")

    def cpu_seconds(self) -> float:
        """Processor time of all the pods so far."""
        return sum(pod.cpu_seconds() for pod in self.pods)


@dataclass(kw_only=True)
class Card(Stage):
    """The plan, who is compared, and the broker. `counted` is of all repetitions together, by row and contender."""

    plan: Plan
    contenders: Sequence[Contender]
    broker: Kafka = field(init=False)
    counted: dict[str, Counter[str]] = field(default_factory=dict)

    def turns(self, row: str) -> Iterator[Contender]:
        """Give everybody whom a row is about, once in each repetition, and another one first each time.

        So nobody is always measured after the same other, or when a machine is warm.
        """
        taking_part = [contender for contender in self.contenders if row not in contender.sits_out]
        for repetition in range(self.plan.repetitions):
            first = repetition % max(1, len(taking_part))
            yield from (*taking_part[first:], *taking_part[:first])

    def backlog(self, contender: Contender) -> int:
        """How many records are worked off: fewer where it takes long."""
        return self.plan.slow_backlog_records if contender.kind == STOCK else self.plan.backlog_records

    @asynccontextmanager
    async def deployed(
        self,
        contender: Contender,
        users: int,
        *,
        cores: Sequence[int],
        readers: int | None = None,
    ) -> AsyncIterator[Deployed]:
        """A pod on each of these cores, the first `readers` of which read Kafka; topics and a Redis of their own."""
        topics = Topics(self.broker, f"s{uuid4().hex[:8]}")
        await topics.create(partitions=PARTITIONS)
        async with self.redis() as redis, topics.producer() as producer:
            pods = [
                make_pod(
                    self,
                    contender.kind,
                    topics,
                    redis,
                    core=core,
                    has_intake=readers is None or number < readers,
                    settings=SETTINGS,
                )
                for number, core in enumerate(cores)
            ]
            records = Records(producer, topics, range(users))
            async with self.running(*pods):
                yield Deployed(self, contender, pods, records, redis)
        await topics.delete()
