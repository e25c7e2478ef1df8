"""One run of the benchmark: what the scenarios share."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, TaskID

from bench.client import LoadClient, LoadFailed
from bench.emission import JOIN_ROOM
from bench.machine import Cores
from bench.measurements import Measurements, Metric
from bench.plan import Plan
from bench.processes import STOCK, Server, make_server
from parts.redis_server import RedisServer
from parts.tokens import Issuer

# After it listens, a server may still be loading what its first connection needs.
SETTLE_SECONDS = 0.3


@dataclass
class Run:
    """The machine, the plan, the measurements so far, and the parts that scenarios take."""

    directory: Path
    cores: Cores
    plan: Plan
    servers: Sequence[str]  # which of them are asked for
    progress: Progress
    task: TaskID
    via: str  # how ours emits in the fan-out
    measurements: Measurements = field(default_factory=Measurements)
    problems: list[str] = field(default_factory=list)
    issuer: Issuer = field(default_factory=lambda: Issuer.hs256("a secret of the benchmark, of more than 32 bytes"))
    parts_used: set[str] = field(default_factory=set)

    def repetitions(self, scenario: str) -> Iterator[int]:
        """Number the repetitions of a scenario; within each, server follows server."""
        return iter(range(self.plan.fewer_repetitions.get(scenario, self.plan.repetitions)))

    def among(self, scenario: str, repetition: int, *servers: str) -> list[str]:
        """Which of these servers a repetition of a scenario is about."""
        stock_repetitions = self.plan.stock_repetitions.get(scenario, self.plan.repetitions)
        wanted = [server for server in servers if server in self.servers]
        return [server for server in wanted if server != STOCK or repetition < stock_repetitions]

    def say(self, text: str) -> None:
        """Tell how far it is."""
        self.progress.update(self.task, description=text)

    def record(self, metric: Metric, server: str, value: float) -> None:
        """Keep a value, and show it."""
        self.measurements.record(metric, server, value)
        self.progress.console.print(f"  {metric.title:<58} {server:<6} {value:>14,.6g} {metric.unit}", highlight=False)

    @contextmanager
    def survives(self, what: str) -> Iterator[None]:
        """Go on with the next when one measurement fails; the failure is told at the end, and the run fails."""
        try:
            yield
        except (LoadFailed, TimeoutError, AssertionError) as error:
            problem = "\n".join([f"{what}: {error}", *getattr(error, "__notes__", ())])
            self.problems.append(problem)
            self.progress.console.print(f"  FAILED {problem}", highlight=False, markup=False)

    @asynccontextmanager
    async def server(self, kind: str, *, core: int | None = None, **options: str) -> AsyncIterator[Server]:
        """A server of that kind, warm enough to be connected to."""
        async with self.running(make_server(kind, self.directory, self.cores, core=core, **options)) as server:
            yield server

    @asynccontextmanager
    async def running(self, server: Server) -> AsyncIterator[Server]:
        """A server while it runs."""
        await server.start()
        try:
            await asyncio.sleep(SETTLE_SECONDS)
            yield server
        except (LoadFailed, TimeoutError) as error:
            error.add_note(f"The end of the log of {server.name}, which {server.state}:\n{server.log_tail()}")
            raise
        finally:
            await server.kill()

    @asynccontextmanager
    async def loaded(self, kind: str, sockets: int) -> AsyncIterator[tuple[Server, LoadClient]]:
        """A server with so many sockets in the one room, and the client that holds them: its group `all`."""
        async with self.server(kind) as server, LoadClient(server.directory) as client:
            await client.group("all", server.port, joins=[JOIN_ROOM])
            await client.connect("all", sockets)
            yield server, client

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

    def tokens(self, users: int) -> Path:
        """A file with a token for each of so many users, `user-0` and so on."""
        path = self.directory / f"tokens-{users}"
        if not path.exists():
            path.write_text("".join(f"{self.issuer.token(f'user-{i}', aud=None, iss=None)}\n" for i in range(users)))
        return path
