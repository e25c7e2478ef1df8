"""The cluster of one scenario: three pods behind haproxy, over a Redis of its own and topics of its own."""

import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from parts.kafka import Kafka
from parts.pod import Cluster, Pod
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.tcp_proxy import TcpProxy
from parts.tokens import Issuer
from parts.topics import Topics

PODS: Final = 3
PARTITIONS: Final = 6
SETTINGS: Final = {
    # Admins hear everything, and must be able to come back from all of it.
    "REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM": "50000",
    "REALTIME_RECOVERY__MAX_MESSAGES": "50000",
    # Clients and pods notice within seconds that the other side is gone.
    "REALTIME_SOCKETS__PING_INTERVAL_SECONDS": "4",
    "REALTIME_SOCKETS__PING_TIMEOUT_SECONDS": "4",
    "REALTIME_DRAIN__RETRY_AFTER_MS": "500",
}


@dataclass
class Plot:
    """What a fault wants of the stage before it is set up: settings for all pods, and for some of them by number."""

    settings: dict[str, str] = field(default_factory=dict)
    pod_settings: dict[int, dict[str, str]] = field(default_factory=dict)


class Stage:
    """The parts of one scenario, for faults to strike."""

    def __init__(self, directory: Path, kafka: Kafka, chance: random.Random) -> None:
        self.directory = directory
        self.kafka = kafka
        self.chance = chance
        self.issuer = Issuer.hs256()
        self.topics = Topics(kafka, f"c{uuid4().hex[:8]}")
        self.redis = RedisServer(directory / "redis")
        self.sentinel: RedisSentinel | None = None  # instead, if a fault wants one
        self.plot = Plot()
        self.proxies: list[TcpProxy] = []
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """All pods, and haproxy."""
        assert self._cluster is not None
        return self._cluster

    @property
    def pods(self) -> Sequence[Pod]:
        """The pods, by number."""
        return self.cluster.pods

    def urls(self) -> list[tuple[str, str]]:
        """Where clients may connect: through haproxy, or to a pod itself, be it alive or not."""
        return [("haproxy", self.cluster.url)] * PODS + self.pod_urls()

    def pod_urls(self) -> list[tuple[str, str]]:
        """The pods' own addresses."""
        return [(pod.name, pod.url) for pod in self.pods]

    async def proxy_to(self, port: int, *, at: int | None = None) -> TcpProxy:
        """Start a TCP proxy, which ends with the stage."""
        proxy = TcpProxy(port, at=at)
        await proxy.start()
        self.proxies.append(proxy)
        return proxy

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it as plotted; everything ends with it."""
        try:
            await self.topics.create(partitions=PARTITIONS)
            redis = self.sentinel or self.redis
            await redis.start()
            self._cluster = Cluster(
                self.directory / "pods",
                self.topics,
                redis,
                self.issuer,
                pods=PODS,
                settings=SETTINGS | self.plot.settings,
                pod_settings=self.plot.pod_settings,
            )
            async with self._cluster:
                yield
        finally:
            for proxy in self.proxies:
                await proxy.stop()
            await (self.sentinel or self.redis).kill()
            if self.kafka.is_running:
                with contextlib.suppress(Exception):  # what is left over ends with the broker
                    await self.topics.delete()

    def logs(self) -> Mapping[str, str]:
        """The end of what each part wrote, for people who look for a cause."""
        parts = [self.redis, *self.pods, self.cluster.haproxy] if self._cluster else [self.redis]
        return {part.name: part.log_tail() for part in parts}
