"""Three pods behind one proxy, Kafka, Redis and a crowd, sampled from the first second to the last."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from observe.sampler import Sampler
from parts.apache_kafka import ApacheKafka
from parts.child import Child
from parts.pod import Cluster, Pod
from parts.redis_server import RedisServer
from parts.scrape import metrics
from parts.tokens import Issuer
from parts.topics import Topics
from soak.bounds import BOUNDS
from soak.crowd import Crowd
from soak.judge import Account, Outcome, Series, TooShort, Trend, trend
from soak.load import Load, cores, find_half
from tool.errors import Failed

PODS: Final = 3
PARTITIONS: Final = 12
SAMPLES: Final = 240
SAMPLE_SECONDS: Final = (0.5, 5.0)
# What is kept of those who are gone is kept for this part of the run: so it has filled before the second half begins.
LIFETIME_SHARE: Final = 1 / 12
# But longer than a place may be old of whom nothing was told: pings move it on, each 25 s; and than anybody is away.
LIFETIME_SECONDS: Final = (45, 300)
# Reached within minutes by who has an event each eight seconds, and far more than anybody misses in as long.
MESSAGES_OF_A_ROOM: Final = 30
# Redis drops messages of a history by whole nodes; by default of a hundred, which take half of an hour to fill.
REDIS_OPTIONS: Final = ("--stream-node-max-entries", "10")
TASKS: Final = ("realtime_asyncio_tasks", frozenset[tuple[str, str]]())
# Clients wander between pods, so what each of them takes is judged of all pods together.
ALL_PODS: Final = "all pods"
TOGETHER: Final = ("descriptors", "threads", "tasks")
LOG_LINES: Final = 5
INTERRUPTED: Final = "it was interrupted"


@dataclass(frozen=True)
class Plan:
    """How long, with how many clients, a share of whom goes in a minute. `per_second` None: half is looked for."""

    minutes: float
    clients: int
    churn: float
    per_second: float | None

    @property
    def lifetime_seconds(self) -> int:
        """How long sessions and histories of those who are gone are kept; at most twice, of histories."""
        lowest, highest = LIFETIME_SECONDS
        return max(lowest, min(highest, int(self.minutes * 60 * LIFETIME_SHARE)))

    @property
    def settings(self) -> dict[str, str]:
        """Of the pods: so that what Redis keeps has filled before the second half begins."""
        lifetime = str(self.lifetime_seconds)
        return {
            "REALTIME_HISTORY__RETENTION_SECONDS": lifetime,
            # As long as something comes to a room, it is kept from the beginning, up to so much.
            "REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM": str(MESSAGES_OF_A_ROOM),
            "REALTIME_OFFLINE__MAX_MESSAGES": str(MESSAGES_OF_A_ROOM),
            "REALTIME_OFFLINE__MAX_AGE_SECONDS": lifetime,
            "REALTIME_RECOVERY__SESSION_SECONDS": lifetime,
            "REALTIME_HISTORY__IDEMPOTENCY_KEY_SECONDS": lifetime,
            "REALTIME_LOG__LEVEL": "warning",
        }

    @property
    def sample_seconds(self) -> float:
        """Between two samples."""
        lowest, highest = SAMPLE_SECONDS
        return max(lowest, min(highest, self.minutes * 60 / SAMPLES))


@dataclass
class Soaked:
    """What a run came to: all that was sampled, by quantity and by whose it is.

    `broke` says what ended it before its time, and is empty otherwise; what was sampled until then is judged, where
    there is enough of it.
    """

    plan: Plan
    load: Load
    account: Account
    series: Mapping[str, Mapping[str, Series]]
    cores: Mapping[str, float]
    trends: list[Trend]
    seconds: float
    broke: str = ""

    @property
    def share(self) -> float:
        """Of the machine's processor time, what everything took together."""
        return sum(self.cores.values()) / cores()

    @property
    def is_good(self) -> bool:
        """Whether it went on to its end, nothing grows, and nothing was lost."""
        return not self.broke and self.account.is_good and all(one.outcome is Outcome.FLAT for one in self.trends)


async def soak(plan: Plan, directory: Path, say: Callable[[str], None], tell: Callable[[float, str], None]) -> Soaked:
    """Live through all of it. Raises `TooShort` when nothing can be said of so short a run.

    Once clients are there and the load is found, a part that ends, or Ctrl-C, ends the run and not what is known of it.
    """
    kafka, redis = ApacheKafka(directory / "kafka"), RedisServer(directory / "redis", *REDIS_OPTIONS)
    try:
        say("Starting Kafka, Redis and three pods")
        await asyncio.gather(kafka.start(), redis.start())
        topics = Topics(kafka, "soak")
        await topics.create(partitions=PARTITIONS)
        settings = plan.settings
        async with (
            Cluster(directory / "pods", topics, redis, Issuer.hs256(), pods=PODS, settings=settings) as cluster,
            topics.producer() as producer,
            Redis.from_url(redis.url) as client,
        ):
            say(f"{plan.clients:,} clients come")
            async with Crowd(cluster, plan.clients, plan.churn, producer) as crowd:
                return await _live(plan, cluster, client, crowd, say, tell)
    finally:
        await asyncio.gather(kafka.kill(), redis.kill())


async def _live(
    plan: Plan,
    cluster: Cluster,
    client: Redis,
    crowd: Crowd,
    say: Callable[[str], None],
    tell: Callable[[float, str], None],
) -> Soaked:
    parts: list[Child] = [*cluster.pods, cluster.redis, cluster.kafka, cluster.haproxy]
    names = [*(pod.name for pod in cluster.pods), "Redis", "Kafka", "haproxy"]
    pids = {name: _pid_of(part) for name, part in zip(names, parts, strict=True)} | {"clients": os.getpid}
    load = await _load(plan, crowd, parts, pids, say)
    crowd.per_second = load.per_second
    gauges: dict[str, Callable[[], Awaitable[float | None]]] = {
        **{pod.name: _tasks_of(pod) for pod in cluster.pods},
        "keys": lambda: _ask(client.dbsize()),
        "bytes": lambda: _used_bytes(client),
    }
    sampler = Sampler(pids, gauges, every_seconds=plan.sample_seconds)
    seconds, broke = 0.0, ""
    try:
        await _watch(plan, sampler, crowd, parts, tell)
        seconds = sampler.elapsed_seconds
        say("Waiting for what is on its way")
        await crowd.settle()
    except asyncio.CancelledError:
        broke = INTERRUPTED
    except Failed as failed:
        broke = str(failed)
    except (OSError, KafkaError, RedisError) as error:
        broke = f"{type(error).__name__}: {error}"
    seconds = seconds or sampler.elapsed_seconds
    series = dict(_series(sampler, [pod.name for pod in cluster.pods]))
    try:
        trends = list(_judge(series))
    except TooShort:
        if not broke:
            raise
        trends = []
    means = {name: _mean_cores(sampler, name) for name in pids}
    return Soaked(plan, load, crowd.account(is_settled=not broke), series, means, trends, seconds, broke)


async def _load(
    plan: Plan, crowd: Crowd, parts: list[Child], pids: Mapping[str, Callable[[], int]], say: Callable[[str], None]
) -> Load:
    if plan.per_second is not None:
        return Load(plan.per_second)
    say("Looking for half of the machine")
    try:
        return await find_half(crowd, lambda: [pid() for pid in pids.values()])
    except ProcessLookupError:
        await _check(parts)
        raise


async def _watch(
    plan: Plan, sampler: Sampler, crowd: Crowd, parts: list[Child], tell: Callable[[float, str], None]
) -> None:
    """Sample for as long as is planned. Raises `Failed` when a part ends before."""
    sampling = asyncio.create_task(sampler.run())
    try:
        while sampler.elapsed_seconds < plan.minutes * 60:
            await asyncio.sleep(min(1.0, plan.minutes))
            await _check(parts)
            crowd.check()
            if sampling.done():
                await sampling
            of = crowd.account(is_settled=False).verdict
            amiss = of.lost + of.repeated + of.disordered
            heard = f"{crowd.listening:,} clients, {of.delivered:,} events heard, {amiss} amiss"
            tell(sampler.elapsed_seconds, heard)
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


async def _check(parts: list[Child]) -> None:
    for part in parts:
        if not part.is_running:
            raise Failed(f"{part.name} ended with {await part.ended()}\n{part.log_tail(LOG_LINES)}".rstrip())


def _series(sampler: Sampler, pods: list[str]) -> Iterator[tuple[str, dict[str, Series]]]:
    of = {name: [sample for sample in sampler.samples[name] if sample.pid] for name in pods}
    yield "resident memory", {pod: [(s.at_seconds, s.resident_bytes) for s in of[pod]] for pod in pods}
    yield "descriptors", _with_all({pod: [(s.at_seconds, s.descriptors) for s in of[pod]] for pod in pods})
    yield "threads", _with_all({pod: [(s.at_seconds, s.threads) for s in of[pod]] for pod in pods})
    yield "tasks", _with_all({pod: sampler.gauges[pod] for pod in pods})
    yield "Redis keys", {"Redis": sampler.gauges["keys"]}
    yield "Redis memory", {"Redis": sampler.gauges["bytes"]}


def _with_all(by_pod: dict[str, Series]) -> dict[str, Series]:
    """Add them up, sample by sample: a hole in one shifts it by a sample, which such a sum does not feel."""
    rows = zip(*by_pod.values(), strict=False)
    return by_pod | {ALL_PODS: [(row[0][0], sum(value for _, value in row)) for row in rows]}


def _judge(series: Mapping[str, Mapping[str, Series]]) -> Iterator[Trend]:
    for quantity, by_whose in series.items():
        for whose, points in by_whose.items():
            if whose == ALL_PODS or quantity not in TOGETHER:
                yield trend(f"{quantity}, {whose}", points, BOUNDS[quantity])


def _mean_cores(sampler: Sampler, name: str) -> float:
    samples = sampler.samples[name]
    if len(samples) < 2:
        return 0.0
    first, last = samples[0], samples[-1]
    return (last.cpu_seconds - first.cpu_seconds) / (last.at_seconds - first.at_seconds)


def _pid_of(part: Child) -> Callable[[], int]:
    return lambda: part.pid


def _tasks_of(pod: Pod) -> Callable[[], Awaitable[float | None]]:
    async def ask() -> float | None:
        try:
            return (await metrics(pod)).get(TASKS)
        except httpx.TransportError:
            return None

    return ask


async def _used_bytes(client: Redis) -> float | None:
    try:
        return float((await client.info("memory"))["used_memory"])
    except RedisError:
        return None


async def _ask(answer: Awaitable[int]) -> float | None:
    try:
        return float(await answer)
    except RedisError:
        return None
