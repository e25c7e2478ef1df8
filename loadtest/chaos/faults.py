"""What is done to the cluster. Each fault names the promise of the design that it attacks, and what the docs allow."""

import asyncio
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar, Final

from chaos.crowd import Crowd
from chaos.judge import SESSION_LOST, STRICT, Terms
from chaos.stage import Stage
from parts.http import get
from parts.needs import need
from parts.pod import Pod
from parts.redis_sentinel import RedisSentinel
from parts.waiting import eventually

SLOW_SECONDS: Final = 0.15
PATIENCE_SECONDS: Final = 60.0
SLOW_CLIENTS_CLOSED: Final = 'realtime_disconnects_total{reason="slow client"}'
SKEW_MINUTES: Final = 7
# Allowed where a pod dies or cannot reach Redis: until its lease ends its devices count as present, and what comes for
# their users does not wait for devices that keep no place.
PRESENCE_LAGS: Final = Terms(presence_lags=True)


class Fault(ABC):
    """One thing that breaks. `hold_seconds` is how long, where that is free to choose."""

    name: ClassVar[str]
    promise: ClassVar[str]
    terms: ClassVar[Terms] = STRICT

    def __init__(self, hold_seconds: float) -> None:
        self.hold_seconds = hold_seconds

    async def plot(self, stage: Stage) -> None:
        """Say what the stage must be like, before it is set up."""

    @abstractmethod
    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        """Break something; return when it is whole again, or will have to do without."""

    async def mend(self, stage: Stage) -> None:
        """Put back what `strike` has left broken."""


class PodKilled(Fault):
    """SIGKILL of one pod of three; it is started again later."""

    name = "pod_killed"
    promise = "1, 3: a pod killed at any instant is continued by another; its clients go on elsewhere"
    terms = PRESENCE_LAGS

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await stage.pods[0].kill()

    async def mend(self, stage: Stage) -> None:
        await stage.pods[0].start()


class PodFrozen(Fault):
    """SIGSTOP of one pod: it holds partitions and sockets, and wakes as if it still did.

    Long enough that its group, its users' presence and its clients have all given it up before (`SESSION_SECONDS`, five
    seconds, and twice the four of a ping).
    """

    name = "pod_frozen"
    promise = "1, 2: who was frozen publishes nothing twice, and tells what it missed before it goes on"
    terms = PRESENCE_LAGS

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        stage.pods[0].pause()
        await asyncio.sleep(max(2 * self.hold_seconds, FREEZE_AT_LEAST_SECONDS))
        stage.pods[0].resume()


class RollingRestart(Fault):
    """SIGTERM of each pod in turn, the next once the last is back."""

    name = "rolling_restart"
    promise = "7: a rolling restart of all pods loses nothing"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        everybody = [pod.name for pod in stage.pods]
        for pod in stage.pods:
            code = await pod.stop()
            assert code == 0, f"{pod.name} ended with {code} at SIGTERM"
            await pod.start()
            await stage.cluster.haproxy.sees(*everybody, timeout_seconds=30)


class RedisRestarted(Fault):
    """SIGKILL of Redis, which comes back with its data."""

    name = "redis_restarted"
    promise = "6: while Redis is away intake waits and sockets stay; then it catches up"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await stage.redis.kill()
        await asyncio.sleep(self.hold_seconds / 2)
        await stage.redis.start()


class RedisEmptied(Fault):
    """SIGKILL of Redis, which comes back empty.

    Allowed: who returns is told so (`history_lost`, or `unknown_session`, for sessions are in Redis, too); what waited
    for absent users who keep no place is gone; what was published since the last commit to Kafka is published again.
    Who stays connected misses nothing.
    """

    name = "redis_emptied"
    promise = "1, 3: Redis loses all: who is connected misses nothing, who returns is told"
    terms = Terms(frozenset({"history_lost", SESSION_LOST}), published_again=True, data_lost=True)

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await stage.redis.kill()
        await stage.redis.start(forget=True)


class RedisFailover(Fault):
    """The primary under Sentinel is killed; a replica takes its place.

    Allowed: what the replica had not seen yet is published again, at a new place.
    """

    name = "redis_failover"
    promise = "1: if Redis comes back behind what was published, the rest is published again"
    terms = Terms(published_again=True)

    async def plot(self, stage: Stage) -> None:
        stage.sentinel = RedisSentinel(stage.directory / "sentinel")

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        assert stage.sentinel is not None
        await stage.sentinel.kill_primary()


class KafkaRestarted(Fault):
    """SIGKILL of the only broker, which comes back with its data."""

    name = "kafka_restarted"
    promise = "6: while Kafka is away sockets go on; then intake goes on where it was"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await stage.kafka.kill()
        await asyncio.sleep(self.hold_seconds / 2)
        await stage.kafka.start()


class _RedisNetwork(Fault):
    """Something between one pod and Redis."""

    terms = PRESENCE_LAGS

    async def plot(self, stage: Stage) -> None:
        self.proxy = await stage.proxy_to(stage.redis.port)
        stage.plot.pod_settings[0] = {"REALTIME_REDIS__URL": f"redis://127.0.0.1:{self.proxy.port}/0"}


class RedisCut(_RedisNetwork):
    """One pod's connections to Redis are reset, and new ones refused."""

    name = "redis_cut"
    promise = "2: a pod that lost its Redis connection reads what its rooms missed: a deaf moment delays"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await self.proxy.cut()
        await asyncio.sleep(self.hold_seconds)
        await self.proxy.heal()


class RedisSilent(_RedisNetwork):
    """One pod's connections to Redis stay, and carry nothing any more."""

    name = "redis_silent"
    promise = "2: a pod must prove that it hears; silence is noticed as a broken connection is"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        self.proxy.blackhole()
        await asyncio.sleep(self.hold_seconds)
        await self.proxy.heal()


class RedisSlow(_RedisNetwork):
    """One pod's way to Redis takes its time."""

    name = "redis_slow"
    promise = "2: order is kept when one pod is told later than the others"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        self.proxy.delay_seconds = SLOW_SECONDS
        await asyncio.sleep(self.hold_seconds)
        self.proxy.delay_seconds = 0.0


class KafkaCut(Fault):
    """One pod's connections to Kafka are reset, and new ones refused, longer than its session lasts."""

    name = "kafka_cut"
    promise = "1, 6: a pod without Kafka keeps its sockets; its partitions go to others, and come back"

    async def plot(self, stage: Stage) -> None:
        self.proxy = await stage.proxy_to(stage.kafka.behind_port, at=stage.kafka.proxy_port)
        stage.plot.pod_settings[0] = {"REALTIME_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{self.proxy.port}"}

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        await self.proxy.cut()
        await asyncio.sleep(max(self.hold_seconds, SESSION_SECONDS + 2))
        await self.proxy.heal()


class ClientStuck(Fault):
    """Some devices, admins among them who hear everything, stay connected and read nothing."""

    name = "client_stuck"
    promise = "5: a slow client costs only itself: it is closed, and recovers from history"

    async def plot(self, stage: Stage) -> None:
        # What the kernel buffers comes on top: a scenario is not long enough to fill the default as well.
        stage.plot.settings["REALTIME_SOCKETS__WAITING_MAX_BYTES"] = "65536"
        # Who reads nothing answers no ping either: on a busy machine it would be closed for that before it is full.
        stage.plot.settings["REALTIME_SOCKETS__PING_TIMEOUT_SECONDS"] = str(int(PATIENCE_SECONDS))

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        candidates = [device for device in crowd.devices if device.log.is_steady or device.log.hears_all]
        stuck = candidates[-len(candidates) // 3 :]
        for device in stuck:
            device.stop_reading()
        await asyncio.sleep(self.hold_seconds)

        async def some_are_closed() -> bool:
            return any([await _metric(pod, SLOW_CLIENTS_CLOSED) for pod in stage.pods])

        await eventually(some_are_closed, PATIENCE_SECONDS, "a pod closes a client for being slow")
        for device in stuck:
            device.read_on()


class ClocksSkewed(Fault):
    """The pods' wall clocks are minutes apart, from the start; then the pod whose clock is ahead is killed."""

    name = "clocks_skewed"
    promise = "2, 3: order and recovery do not rest on pods' clocks"
    terms = PRESENCE_LAGS

    async def plot(self, stage: Stage) -> None:
        for pod, minutes in ((0, SKEW_MINUTES), (2, -SKEW_MINUTES)):
            stage.plot.pod_settings[pod] = {
                "LD_PRELOAD": need("libfaketime"),
                "FAKETIME": f"{minutes:+d}m",
                # Only what time it is, not how long something takes.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        ahead, behind = [await _wall_clock(stage.pods[number]) for number in (0, 2)]
        assert ahead - behind > timedelta(minutes=SKEW_MINUTES), "the clocks are not apart: nothing was attacked"
        await stage.pods[0].kill()

    async def mend(self, stage: Stage) -> None:
        await stage.pods[0].start()


async def _wall_clock(pod: Pod) -> datetime:
    response = await get(f"{pod.url}/health/live")
    assert response is not None, f"{pod.name} does not answer"
    return parsedate_to_datetime(response.headers["date"])


async def _metric(pod: Pod, name: str) -> float:
    response = await get(f"{pod.url}/metrics")
    assert response is not None, f"{pod.name} does not answer"
    lines = [line for line in response.text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


# As `parts.pod.Cluster` sets it: after this long without a heartbeat a pod's partitions go to others.
SESSION_SECONDS: Final = 6.0
FREEZE_AT_LEAST_SECONDS: Final = 2 * SESSION_SECONDS
FAULTS: Final[dict[str, type[Fault]]] = {
    fault.name: fault
    for fault in (
        PodKilled,
        PodFrozen,
        RollingRestart,
        RedisRestarted,
        RedisEmptied,
        RedisFailover,
        KafkaRestarted,
        RedisCut,
        RedisSilent,
        RedisSlow,
        KafkaCut,
        ClientStuck,
        ClocksSkewed,
    )
}
