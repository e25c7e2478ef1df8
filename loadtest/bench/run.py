"""One run: what the scenarios of the benchmark share, and the rows of the scorecard."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from rich.progress import Progress, TaskID

from bench.client import LoadClient, LoadFailed
from bench.emission import JOIN_ROOM
from bench.measurements import Measurements, Metric
from bench.plan import Plan
from bench.processes import STOCK, Server, make_server
from parts.kafka import Kafka
from parts.kafka_here import kafka_here
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from tool.machine import Cores

# After it listens, a server may still be loading what its first connection needs.
SETTLE_SECONDS = 0.3
# A part that does not start or hangs, a pod that has ended (`ProcessLookupError`), a client, Kafka or Redis that fails.
WENT_WRONG = (LoadFailed, AssertionError, OSError, KafkaError, RedisError)


@dataclass(kw_only=True)
class Stage:
    """The machine, the measurements so far, and the parts that a server takes."""

    directory: Path
    cores: Cores
    progress: Progress
    task: TaskID
    measurements: Measurements = field(default_factory=Measurements)
    problems: list[str] = field(default_factory=list)
    issuer: Issuer = field(default_factory=lambda: Issuer.hs256("a secret of the benchmark, of more than 32 bytes"))
    parts_used: set[str] = field(default_factory=set)

    def say(self, text: str) -> None:
        """Tell how far it is."""
        self.progress.update(self.task, description=text)

    def record(self, metric: Metric, server: str, value: float) -> None:
        """Keep a value, and show it."""
        self.measurements.record(metric, server, value)
        self.progress.console.print(f"  {metric.title:<58} {server:<10} {value:>14,.6g} {metric.unit}", highlight=False)

    @contextmanager
    def survives(self, what: str) -> Iterator[None]:
        """Go on with the next when one measurement fails; the failure is told at the end, and the run fails."""
        try:
            yield
        except WENT_WRONG as error:
            problem = "\n".join([f"{what}: {error}", *getattr(error, "__notes__", ())])
            self.problems.append(problem)
            self.progress.console.print(f"  FAILED {problem}", highlight=False, markup=False)

    @asynccontextmanager
    async def running(self, *servers: Server) -> AsyncIterator[None]:
        """While these servers run, which are started together and warm enough to be connected to."""
        try:
            await asyncio.gather(*(server.start() for server in servers))
            await asyncio.sleep(SETTLE_SECONDS)
            yield
        except WENT_WRONG as error:
            for server in servers:
                error.add_note(f"The end of the log of {server.name}, which {server.state}:\n{server.log_tail()}")
            raise
        finally:
            for server in servers:
                await server.kill()

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[str]:
        """A Redis of its own; gives its URL."""
        redis = RedisServer(self.directory / "redis")
        await redis.start(forget=True)
        self.parts_used.add(redis.name)
        try:
            yield redis.url
        finally:
            await redis.kill()

    @asynccontextmanager
    async def kafka(self) -> AsyncIterator[Kafka]:
        """Apache Kafka where Java is, else the embedded one."""
        broker = kafka_here(self.directory / "kafka")
        self.say(f"starting {broker.name}")
        await broker.start()
        self.parts_used.add(broker.name)
        try:
            yield broker
        finally:
            await broker.kill()

    def tokens(self, users: int) -> Path:
        """A file with a token for each of so many users, `user-0` and so on."""
        path = self.directory / f"tokens-{users}"
        if not path.exists():
            path.write_text("".join(f"{self.issuer.token(f'user-{i}', aud=None, iss=None)}\n" for i in range(users)))
        return path


@dataclass(kw_only=True)
class Run(Stage):
    """What a run of the benchmark has besides: its plan, and which servers are asked for."""

    plan: Plan
    servers: Sequence[str]
    via: str  # how ours emits in the fan-out

    def repetitions(self, scenario: str) -> Iterator[int]:
        """Number the repetitions of a scenario; within each, server follows server."""
        return iter(range(self.plan.fewer_repetitions.get(scenario, self.plan.repetitions)))

    def among(self, scenario: str, repetition: int, *servers: str) -> list[str]:
        """Which of these servers a repetition of a scenario is about."""
        stock_repetitions = self.plan.stock_repetitions.get(scenario, self.plan.repetitions)
        wanted = [server for server in servers if server in self.servers]
        return [server for server in wanted if server != STOCK or repetition < stock_repetitions]

    @asynccontextmanager
    async def server(self, kind: str, *, core: int | None = None, **options: str) -> AsyncIterator[Server]:
        """A server of that kind, warm enough to be connected to."""
        server = make_server(kind, self.directory, self.cores, core=core, **options)
        async with self.running(server):
            yield server

    @asynccontextmanager
    async def loaded(self, kind: str, sockets: int) -> AsyncIterator[tuple[Server, LoadClient]]:
        """A server with so many sockets in the one room, and the client that holds them: its group `all`."""
        async with self.server(kind) as server, LoadClient(server.directory) as client:
            await client.group("all", server.port, joins=[JOIN_ROOM])
            await client.connect("all", sockets)
            yield server, client
