"""Kafka, Redis, whole pods, and for each pod a load client that holds its sockets."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aiokafka import AIOKafkaProducer

from bench.client import LoadClient
from ceiling.memory import Memory, kernel_bytes, proportional_bytes
from observe.processes import cpu_seconds
from parts.apache_kafka import ApacheKafka
from parts.child import Child
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually

INTAKE_PODS: Final = 2
PARTITIONS: Final = 12
PODS_AT_ONCE: Final = 4
# Newcomers that come to a pod together share its calls to Redis. One at a time to each of fifty pods, they take thrice
# the processor; so they come to a few pods at a time, which take turns: as many as keep all cores busy.
PODS_OPENING: Final = len(os.sched_getaffinity(0)) + 1
UNDER_WAY: Final = 32  # of each of them
# Linux has 28,000 ports for what leads from one address to one server, and looks for one in half of them first: once
# that half is full, through all of it each time, which takes a millisecond.
SOCKETS_OF_AN_ADDRESS: Final = 10_000
TOKEN_SECONDS: Final = 86_400
# A stock client that recovers says so in CONNECT; the server then keeps its session, and sends places.
RECOVERS: Final = ',"recovery":true'
FOLLOWS_ORDERS: Final = '420["subscribe:orders",{}]'
FOLLOWS_STOCK: Final = '421["subscribe:inventory",{}]'
CROWD, WATCHERS = "crowd", "watchers"
STAMPS: Final = {CROWD: '"trackingNumber":"', WATCHERS: '"sku":"'}
# A JVM that starts beside much else.
KAFKA_START_SECONDS: Final = 240.0
ENDING_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Choice:
    """A setting that is not what it is by default, and why."""

    setting: str
    value: str
    why: str


CHOICES: Final = (
    Choice("SOCKETS__PING_INTERVAL_SECONDS", "300", "a ping and its answer cost each socket about a message"),
    Choice("SOCKETS__PING_TIMEOUT_SECONDS", "120", "while all cores open sockets, an answer may be late"),
    Choice("SOCKETS__JOIN_TIMEOUT_SECONDS", "30", "likewise, a newcomer's rooms"),
    Choice("LIMITS__HANDSHAKES_PER_SECOND", "1000", "it is the machine that is to be the limit"),
    Choice("RECOVERY__SESSION_SECONDS", "86400", "pods tell Redis of each session thrice in that time"),
    Choice("PRESENCE__LEASE_SECONDS", "30", "pods renew their leases five times in that time"),
    Choice("STATS__INTERVAL_SECONDS", "60", "every pod tells all others"),
    Choice("LOG__LEVEL", "warning", "the log is of no interest here"),
)
REDIS_OPTIONS: Final = {
    "--appendonly": "no",  # rewriting its file forks it, and would count its memory twice
    "--client-output-buffer-limit": "pubsub 256mb 64mb 60",  # as docs/redis.md says
}


class Pair:
    """A pod, and the client that holds its sockets; both have a core to share with all others."""

    def __init__(self, number: int, pod: Pod, client: LoadClient, sockets: int, watchers: int) -> None:
        self.number = number
        self.pod = pod
        self.client = client
        self.counts = {CROWD: 0, WATCHERS: 0}
        self._sockets = sockets
        self._watchers = watchers

    @property
    def opened(self) -> int:
        """How many sockets there are."""
        return sum(self.counts.values())

    def user(self, group: str, member: int) -> str:
        """Who a member of a group is."""
        return f"{group}-{self.number}-{member}"

    async def prepare(self, directory: Path, issuer: Issuer) -> None:
        """Give everybody a token, and the groups their rooms. The client comes from addresses of its own."""
        sources = f"127.{1 + self.number // 256}.{self.number % 256}.1", -(-self._sockets // SOCKETS_OF_AN_ADDRESS)
        for group, size in ((WATCHERS, self._watchers), (CROWD, self._sockets - self._watchers)):
            path = directory / f"{group}-{self.number}"
            await asyncio.to_thread(self._write_tokens, path, issuer, group, size)
            await self.client.group(
                group,
                self.pod.port,
                tokens=path,
                joins=[FOLLOWS_ORDERS, FOLLOWS_STOCK] if group == WATCHERS else [FOLLOWS_ORDERS],
                auth=RECOVERS,
                sources=sources,
                stamp=STAMPS[group],
            )

    def _write_tokens(self, path: Path, issuer: Issuer, group: str, size: int) -> None:
        with path.open("w") as file:
            for member in range(size):
                file.write(f"{issuer.token(self.user(group, member), expires_in_seconds=TOKEN_SECONDS)}\n")

    async def open(self, sockets: int) -> None:
        """Open so many more, or as many as it is for; watchers first. Raises `LoadFailed` when one is lost."""
        sockets = min(sockets, self._sockets - self.opened)
        watchers = min(sockets, self._watchers - self.counts[WATCHERS])
        for group, count in ((WATCHERS, watchers), (CROWD, sockets - watchers)):
            if count:
                await self.client.connect(group, count, under_way=UNDER_WAY)
                self.counts[group] += count


class Stage:
    """Use it as `async with`; nothing is connected at first."""

    def __init__(self, directory: Path, sockets: int, per_pod: int, room: int, say: Callable[[str], None]) -> None:
        """Make room for so many sockets, at most so many on each pod, and for a room of so many."""
        self._directory = directory
        self._say = say
        self._issuer = Issuer.hs256()
        self._exit = AsyncExitStack()
        self.kafka = ApacheKafka(directory / "kafka")
        self.kafka.start_timeout_seconds = KAFKA_START_SECONDS
        self.redis = RedisServer(directory / "redis", *(word for pair in REDIS_OPTIONS.items() for word in pair))
        self.topics = Topics(self.kafka, "ceiling")
        shared = {
            **self.topics.settings,
            **self._issuer.settings,
            "REALTIME_REDIS__URL": self.redis.url,
            "REALTIME_REDIS__KEY_PREFIX": "ceiling",
            **{f"REALTIME_{choice.setting}": choice.value for choice in CHOICES},
        }
        pods = -(-sockets // per_pod)
        shares, rooms = evenly(sockets, pods), evenly(room, pods)
        self.intake = [
            Pod(f"intake-{number}", directory / f"intake-{number}", shared, roles="intake")
            for number in range(INTAKE_PODS)
        ]
        self.pairs = [
            Pair(
                number,
                Pod(f"pod-{number}", directory / f"pod-{number}", shared, roles="sockets"),
                LoadClient(directory / f"client-{number}"),
                share,
                watchers,
            )
            for number, (share, watchers) in enumerate(zip(shares, rooms, strict=True))
        ]
        self.producer: AIOKafkaProducer

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._say("Ending everything")
        await self._exit.aclose()

    async def _start(self) -> None:
        self._say("Starting Kafka and Redis")
        for part in (self.kafka, self.redis):
            self._exit.push_async_callback(part.kill)
        await asyncio.gather(self.kafka.start(), self.redis.start())
        await self.topics.create(partitions=PARTITIONS)
        for pair in self.pairs:
            await self._exit.enter_async_context(pair.client)
        turns, started = asyncio.Semaphore(PODS_AT_ONCE), 0
        pods = [*self.intake, *(pair.pod for pair in self.pairs)]
        # Pods go first, and at once: else they would say goodbye to hundreds of thousands of clients.
        self._exit.push_async_callback(lambda: asyncio.gather(*(pod.kill() for pod in pods)))

        async def start(pod: Pod) -> None:
            nonlocal started
            async with turns:
                await pod.start()
            started += 1
            self._say(f"{started} of {len(pods)} pods are ready")

        async with asyncio.TaskGroup() as starting:
            for pod in pods:
                starting.create_task(start(pod))
        self._say("Signing a token for each socket")
        for pair in self.pairs:
            await pair.prepare(self._directory, self._issuer)
        self.producer = await self._exit.enter_async_context(self.topics.producer())

    @property
    def sockets(self) -> int:
        """How many have been opened."""
        return sum(pair.opened for pair in self.pairs)

    @property
    def room(self) -> int:
        """How many of them follow all stock."""
        return sum(pair.counts[WATCHERS] for pair in self.pairs)

    async def open(self, sockets: int) -> None:
        """Open so many more, where there are fewest. Raises `LoadFailed`, once none is under way any more."""
        emptiest = sorted(self.pairs, key=lambda pair: pair.opened)[:PODS_OPENING]
        opening = [pair.open(share) for pair, share in zip(emptiest, evenly(sockets, len(emptiest)), strict=True)]
        for outcome in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def who_ended(self) -> str:
        """Say which parts are gone that should be here, and their exit codes; empty when all are here."""
        parts: list[Child] = [self.kafka, self.redis, *self.intake, *(pair.pod for pair in self.pairs)]
        with suppress(AssertionError):  # a process that ends closes its sockets before it can be seen to have ended
            await eventually(lambda: not all(part.is_running for part in parts), ENDING_SECONDS, "one has ended")
        return ", ".join([f"{part.name} ended with {await part.ended()}" for part in parts if not part.is_running])

    def memory(self) -> Memory:
        """Who holds how much, now. Intake and Kafka do not grow with sockets, and are left out."""
        return Memory(
            pods=proportional_bytes(pair.pod.pid for pair in self.pairs),
            redis=proportional_bytes([self.redis.pid]),
            kernel=kernel_bytes(),
            clients=proportional_bytes(pair.client.pid for pair in self.pairs),
        )

    def cpu_seconds(self) -> Mapping[str, float]:
        """Processor time so far, by part."""
        pids = {
            "pods": [pair.pod.pid for pair in self.pairs],
            "intake": [pod.pid for pod in self.intake],
            "clients": [pair.client.pid for pair in self.pairs],
            "redis": [self.redis.pid],
            "kafka": [self.kafka.pid],
        }
        return {part: sum(map(cpu_seconds, which)) for part, which in pids.items()}


def evenly(count: int, shares: int) -> list[int]:
    """Divide a number into whole shares that differ by one at most."""
    return [count // shares + (share < count % shares) for share in range(shares)]
