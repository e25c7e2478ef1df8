"""Three pods behind one proxy, Kafka, Redis and a crowd, sampled from the first second to the last."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from observe.sampler import Sampler
from parts.apache_kafka import ApacheKafka
from parts.http import get
from parts.pod import Cluster
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from soak.crowd import Crowd
from soak.judge import Account, Bound, Series, Trend, trend
from soak.load import Load, find_half

PODS: Final = 3
PARTITIONS: Final = 12
SAMPLES: Final = 240
SAMPLE_SECONDS: Final = (0.5, 5.0)
# What is kept of those who are gone is kept for this part of the run: so it has filled before the second half begins.
LIFETIME_SHARE: Final = 1 / 12
# But longer than anybody is away.
LIFETIME_SECONDS: Final = (15, 300)
TASKS: Final = "realtime_asyncio_tasks"
MB: Final = 1_048_576.0
# What may grow along the second half, and by how much before it counts.
RESIDENT: Final = Bound(0.03, 3 * MB)
DESCRIPTORS: Final = Bound(0.05, 20)
THREADS: Final = Bound(0.0, 1)
TASK_COUNT: Final = Bound(0.05, 20)
REDIS_KEYS: Final = Bound(0.05, 100)
REDIS_BYTES: Final = Bound(0.05, 1 * MB)


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
    """What a run came to: all that was sampled, by quantity and by whose it is."""

    plan: Plan
    load: Load
    account: Account
    series: Mapping[str, Mapping[str, Series]]
    cores: Mapping[str, float]
    trends: list[Trend] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing grows and nothing was lost."""
        return self.account.is_good and not any(trend.grows for trend in self.trends)


async def soak(plan: Plan, directory: Path, say: Callable[[str], None], tell: Callable[[float, str], None]) -> Soaked:
    """Live through all of it. Raises `TooShort` when nothing can be said of so short a run."""
    kafka, redis = ApacheKafka(directory / "kafka"), RedisServer(directory / "redis")
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
    pods = {pod.name: pod for pod in cluster.pods}
    everything = {**pods, "Redis": cluster.redis, "Kafka": cluster.kafka, "haproxy": cluster.haproxy}
    pids = {name: _pid_of(child) for name, child in everything.items()} | {"clients": os.getpid}
    if plan.per_second is None:
        say("Looking for half of the machine")
        load = await find_half(crowd, lambda: [pid() for pid in pids.values()])
    else:
        load = Load(plan.per_second)
    crowd.per_second = load.per_second
    gauges: dict[str, Callable[[], Awaitable[float | None]]] = {
        **{name: _tasks_of(pod.url) for name, pod in pods.items()},
        "keys": lambda: _ask(client.dbsize()),
        "bytes": lambda: _used_bytes(client),
    }
    sampler = Sampler(pids, gauges, every_seconds=plan.sample_seconds)
    sampling = asyncio.create_task(sampler.run())
    try:
        while sampler.elapsed_seconds < plan.minutes * 60:
            await asyncio.sleep(min(1.0, plan.minutes))
            crowd.check()
            account = crowd.account
            tell(
                sampler.elapsed_seconds,
                f"{crowd.listening:,} clients, {account.heard:,} events heard, {account.lost + account.repeated} amiss",
            )
            for pod in pods.values():
                if not pod.is_running:
                    raise SystemExit(f"{pod.name} has ended:\n{pod.log_tail()}")
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])
    say("Waiting for what is on its way")
    await crowd.settle()
    series = dict(_series(sampler, list(pods)))
    means = {name: _mean_cores(sampler, name) for name in pids}
    return Soaked(plan, load, crowd.account, series, means, list(_judge(series)))


def _series(sampler: Sampler, pods: list[str]) -> Iterator[tuple[str, dict[str, Series]]]:
    of = {name: [sample for sample in sampler.samples[name] if sample.pid] for name in pods}
    yield "resident memory", {pod: [(s.at_seconds, s.resident_bytes) for s in of[pod]] for pod in pods}
    yield "descriptors", {pod: [(s.at_seconds, s.descriptors) for s in of[pod]] for pod in pods}
    yield "threads", {pod: [(s.at_seconds, s.threads) for s in of[pod]] for pod in pods}
    yield "tasks", {pod: sampler.gauges[pod] for pod in pods}
    yield "Redis keys", {"Redis": sampler.gauges["keys"]}
    yield "Redis memory", {"Redis": sampler.gauges["bytes"]}


BOUNDS: Final = {
    "resident memory": RESIDENT,
    "descriptors": DESCRIPTORS,
    "threads": THREADS,
    "tasks": TASK_COUNT,
    "Redis keys": REDIS_KEYS,
    "Redis memory": REDIS_BYTES,
}


def _judge(series: Mapping[str, Mapping[str, Series]]) -> Iterator[Trend]:
    for quantity, by_whose in series.items():
        for whose, points in by_whose.items():
            yield trend(f"{quantity}, {whose}", points, BOUNDS[quantity])


def _mean_cores(sampler: Sampler, name: str) -> float:
    samples = sampler.samples[name]
    if len(samples) < 2:
        return 0.0
    first, last = samples[0], samples[-1]
    return (last.cpu_seconds - first.cpu_seconds) / (last.at_seconds - first.at_seconds)


def _pid_of(child: object) -> Callable[[], int]:
    return lambda: child.pid  # type: ignore[attr-defined, no-any-return]


def _tasks_of(url: str) -> Callable[[], Awaitable[float | None]]:
    async def ask() -> float | None:
        response = await get(f"{url}/metrics")
        if response is None:
            return None
        lines = (line.partition(" ") for line in response.text.splitlines() if line.startswith(TASKS))
        return next((float(value) for name, _, value in lines if name == TASKS), None)

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
