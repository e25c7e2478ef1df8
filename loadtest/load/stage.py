"""The cluster on this machine, the swarm beside it, and what is sampled of both while it runs."""

import asyncio
import contextlib
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from load.plan import APACHE, Plan
from observe.sampler import Sampler
from parts import scrape, swarm
from parts.apache_kafka import ApacheKafka
from parts.child import Child
from parts.embedded_kafka import EmbeddedKafka
from parts.kafka import Kafka
from parts.pod import Cluster, Pod
from parts.ports import free_port
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from swarm.shapes import RESTART
from swarm.timeline import Timeline

PARTITIONS: Final = 12
FOLLOW_SECONDS: Final = 0.2
# Beyond its time: Locust begins, the last messages come (half a minute at most), everybody leaves, and it counts.
MORE_SECONDS: Final = 90.0
OUTPUT_LINES: Final = 15


@dataclass
class Tracks:
    """What was sampled, by name of the process: (seconds since the run began, value)."""

    cores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    resident_bytes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    connections: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass
class Lived:
    """What came of a run: of Locust, of the processes, and of what was done to them (seconds since it began, what)."""

    timeline: Timeline = field(default_factory=Timeline)
    tracks: Tracks = field(default_factory=Tracks)
    marks: list[tuple[float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    exit_code: int = 0
    output: str = ""  # of Locust

    @property
    def last_words(self) -> str:
        """Why Locust did not begin, or what it said last."""
        lines = self.output.splitlines()
        ours = dict.fromkeys(line.removeprefix("swarm: ") for line in lines if line.startswith("swarm: "))
        return "\n".join(ours or lines[-OUTPUT_LINES:])


@asynccontextmanager
async def cluster(plan: Plan, directory: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Cluster]:
    """Pods behind haproxy, with a Kafka and a Redis of their own."""
    kafka = (ApacheKafka if plan.kafka == APACHE else EmbeddedKafka)(directory / "kafka")
    redis = RedisServer(directory / "redis")
    try:
        await asyncio.gather(kafka.start(), redis.start())
        topics = Topics(kafka, "load")
        await topics.create(partitions=PARTITIONS)
        own = {"REALTIME_LOG__LEVEL": "warning", **(settings or {})}
        async with Cluster(directory / "pods", topics, redis, Issuer.hs256(), pods=plan.pods, settings=own) as running:
            yield running
    finally:
        await asyncio.gather(kafka.kill(), redis.kill())


def arguments(plan: Plan, running: Cluster, url: str, timeline: Path) -> list[str]:
    """What Locust is told."""
    issuer, port = running.issuer, str(free_port())
    told = {
        "--host": url,
        "--kafka": running.kafka.bootstrap_servers,
        "--topic-prefix": f"{running.topics.prefix}.",
        "--auth-issuer": issuer.name,
        "--auth-audience": issuer.audience,
        "--users": str(plan.users),
        "--spawn-rate": f"{plan.users_per_second:g}",
        "--run-time": f"{plan.seconds}s",
        "--shape": plan.shape,
        "--transport": plan.transport,
        "--events-per-second": f"{plan.events_per_second / plan.processes:g}",
        "--thresholds": str(plan.thresholds.resolve()),
        "--timeline": str(timeline),
    }
    if plan.processes > 1:
        told |= {"--processes": str(plan.processes), "--master-bind-port": port, "--master-port": port}
    return ["--headless", "--only-summary", *(part for pair in told.items() for part in pair)]


async def live(
    plan: Plan, running: Cluster, directory: Path, tell: Callable[[Timeline], None], *, url: str = "", people: str = ""
) -> Lived:
    """Run the swarm from its beginning to its end; `tell` is called whenever there is more of its timeline.

    `url`: instead of the proxy's. `people`: of these kinds alone, by commas.
    """
    lived, path, log = Lived(), directory / "timeline.jsonl", directory / "locust.log"
    asked = [*arguments(plan, running, url or running.url, path), *filter(None, people.split(","))]
    with log.open("wb") as output:
        secret = {"SWARM_AUTH_SECRET": running.issuer.signing_key}
        process = await swarm.start(*asked, output=output, settings=secret)
    sampler, began = _sampler(running, process.pid, plan.processes), time.time()
    try:
        async with asyncio.timeout(plan.seconds + MORE_SECONDS), asyncio.TaskGroup() as tasks:
            sampling = tasks.create_task(sampler.run())
            restarting: asyncio.Task[None] | None = None
            async for timeline in _follow(process, path, lived.timeline):
                tell(timeline)
                if restarting is None and timeline.seconds and timeline.seconds[-1].phase == RESTART:
                    restarting = tasks.create_task(_restart(running, lived))
            if restarting is not None and not restarting.done():
                restarting.cancel()
                lived.problems.append("the run was over before all pods were restarted: give it more --seconds")
            sampling.cancel()
    except TimeoutError:
        lived.problems.append(f"Locust had not ended {MORE_SECONDS:.0f} s after its time")
    finally:
        await swarm.end(process)
    lived.exit_code, lived.output = process.returncode or 0, log.read_text(errors="replace")
    lived.problems += [
        f"{pod.name} is gone; it said last: {pod.log_tail(1)}" for pod in running.pods if not pod.is_running
    ]
    lived.tracks = _tracks(sampler, began - _beginning(lived.timeline) if lived.timeline.seconds else 0.0)
    return lived


async def _follow(process: Process, path: Path, timeline: Timeline) -> AsyncIterator[Timeline]:
    """Read what is added to the file, until the process has ended and all is read."""
    taken = 0
    while True:
        has_ended = process.returncode is not None
        lines = _lines(path)
        for line in lines[taken:]:
            timeline.take(line)
        if len(lines) > taken:
            taken = len(lines)
            yield timeline
        if has_ended:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), FOLLOW_SECONDS)


def _lines(path: Path) -> list[str]:
    """Those that are whole; none while there is no file."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


async def _restart(running: Cluster, lived: Lived) -> None:
    """Restart all pods, one after the other, as Kubernetes does."""

    def mark(what: str) -> None:
        lived.marks.append((time.time() - _beginning(lived.timeline), what))

    try:
        for pod in running.pods:
            mark(f"{pod.name} leaves")
            if code := await pod.terminate():
                lived.problems.append(f"{pod.name} ended with {code}")
            await pod.start()
            await running.haproxy.sees(*(pod.name for pod in running.pods))
            mark(f"{pod.name} is back")
    except AssertionError as error:  # of a part that does not do what is waited for
        lived.problems.append(str(error))


def _beginning(timeline: Timeline) -> float:
    """When it began, by the calendar."""
    first = timeline.seconds[0]
    return first.at - first.seconds


def _sampler(running: Cluster, locust: int, processes: int) -> Sampler:
    children: dict[str, Child | Kafka] = {pod.name: pod for pod in running.pods}
    children |= {"haproxy": running.haproxy, "Redis": running.redis, "Kafka": running.kafka}
    pids: dict[str, Callable[[], int | None]] = {name: partial(_pid, child) for name, child in children.items()}
    pids["Locust"] = lambda: locust
    if processes > 1:
        pids |= {f"Locust worker {n + 1}": partial(_child, locust, n) for n in range(processes)}
    return Sampler(pids, {pod.name: partial(_connections, pod) for pod in running.pods})


def _pid(child: Child | Kafka) -> int | None:
    return child.pid if child.is_running else None


def _child(parent: int, number: int) -> int | None:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[number])
    return None


async def _connections(pod: Pod) -> float | None:
    try:
        return await scrape.total(pod, "realtime_connections") if pod.is_running else None
    except httpx.TransportError:  # it leaves, or has just come
        return None


def _tracks(sampler: Sampler, earlier_seconds: float) -> Tracks:
    """What was sampled, in the time of the run, which began after the sampler."""
    return Tracks(
        # A thread that ends takes its time along: of a JVM, which has many, such a second says nothing.
        cores={
            name: [(at + earlier_seconds, cores) for at, cores in sampler.cores(name) if cores >= 0]
            for name in sampler.samples
        },
        resident_bytes={
            name: [(one.at_seconds + earlier_seconds, float(one.resident_bytes)) for one in samples]
            for name, samples in sampler.samples.items()
        },
        connections={
            name: [(at + earlier_seconds, value) for at, value in values] for name, values in sampler.gauges.items()
        },
    )
