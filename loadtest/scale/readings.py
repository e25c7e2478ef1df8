"""What all parts have spent and done so far, read at two moments between which lies a phase."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from observe.processes import cpu_seconds
from parts import scrape
from parts.pod import Pod

TICKS_PER_SECOND: Final = 100  # USER_HZ: what the kernel tells everybody in
RECORDS: Final = "realtime_events_total"
ROOM_MESSAGES: Final = "realtime_delivery_latency_seconds_count"
DELIVERIES: Final = "realtime_deliveries_total"


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds of all threads; the machine's are those of all its cores, whoever used them."""

    machine: float
    load: float
    kafka: float
    redis: float
    pods: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PodCounts:
    """Kafka records taken in; messages of rooms that have members here; messages written to sockets."""

    records: int
    room_messages: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class RedisCounts:
    """Commands, those within scripts among them; bytes over the network."""

    commands: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All parts at one moment, or what lies between two of them."""

    seconds: float
    spent: Spent
    redis: RedisCounts
    pods: Mapping[str, PodCounts]


class Reader:
    """Reads pods, Redis and Kafka. Nothing may be under way at either moment, or it is counted by halves."""

    def __init__(self, pods: Sequence[Pod], redis: Redis, redis_pid: int, kafka_pid: int) -> None:
        self._pods = pods
        self._redis = redis
        self._redis_pid = redis_pid
        self._kafka_pid = kafka_pid

    async def begin(self) -> Reading:
        """Read at the beginning of a phase: what asking costs comes before it."""
        redis, pods = await self._counts()
        return Reading(time.monotonic(), self._spent(), redis, pods)

    async def end(self, before: Reading) -> Reading:
        """Return what lies between; what asking costs comes after it."""
        seconds, spent = time.monotonic(), self._spent()
        redis, pods = await self._counts()
        difference: Reading = _minus(Reading(seconds, spent, redis, pods), before)
        return difference

    def _spent(self) -> Spent:
        return Spent(
            machine=_machine_seconds(),
            load=time.process_time(),
            kafka=cpu_seconds(self._kafka_pid),
            redis=cpu_seconds(self._redis_pid),
            pods={pod.name: cpu_seconds(pod.pid) for pod in self._pods},
        )

    async def _counts(self) -> tuple[RedisCounts, dict[str, PodCounts]]:
        scraped = await asyncio.gather(*(scrape.metrics(pod) for pod in self._pods))
        info = await self._redis.info("stats")
        redis = RedisCounts(
            commands=info["total_commands_processed"],
            bytes_in=info["total_net_input_bytes"],
            bytes_out=info["total_net_output_bytes"],
        )
        return redis, {pod.name: pod_counts(samples) for pod, samples in zip(self._pods, scraped, strict=True)}


def pod_counts(samples: Mapping[tuple[str, Any], float]) -> PodCounts:
    """Take what counts here out of a pod's metrics."""

    def total(metric: str) -> int:
        return round(sum(value for (name, _), value in samples.items() if name == metric))

    return PodCounts(total(RECORDS), total(ROOM_MESSAGES), total(DELIVERIES))


def _machine_seconds() -> float:
    user, nice, system, _, _, irq, softirq, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / TICKS_PER_SECOND


def _minus(after: Any, before: Any) -> Any:
    """Subtract field by field."""
    if is_dataclass(after) and not isinstance(after, type):
        names = [field.name for field in fields(after)]
        differences = {name: _minus(getattr(after, name), getattr(before, name)) for name in names}
        return replace(after, **differences)
    if isinstance(after, Mapping):
        return {name: _minus(value, before[name]) for name, value in after.items()}
    return after - before
