"""Real pods: the product as child processes, alone or several behind the sticky proxy."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from parts.child import Child
from parts.haproxy import Haproxy
from parts.http import get
from parts.kafka import Kafka
from parts.ports import free_port
from parts.redis_sentinel import RedisSentinel
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.topics import Topics

# All that a pod gets from the test's own environment; nobody's REALTIME_ settings among it.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


class Pod(Child):
    """One `realtime serve`. Started again, it is the same pod on the same port."""

    start_timeout_seconds = 90.0  # where others are started, too, and cores are few

    def __init__(
        self, name: str, directory: Path, settings: Mapping[str, str], *, roles: str = "intake,sockets"
    ) -> None:
        self.roles = roles.split(",")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {variable: os.environ[variable] for variable in INHERITED if variable in os.environ}
        environment |= settings
        environment |= {
            "REALTIME_HTTP__HOST": "127.0.0.1",
            "REALTIME_HTTP__PORT": str(self.port),
            "REALTIME_POD__NAME": name,
            "REALTIME_ROLES": roles,
            "PYTHONUNBUFFERED": "1",
        }
        super().__init__(name, [sys.executable, "-m", "realtime", "serve"], directory, environment)

    async def is_ready(self) -> bool:
        response = await get(f"{self.url}/health/ready")
        return response is not None and response.status_code == 200

    async def terminate(self) -> int:
        """Do what Kubernetes does first: SIGTERM. Waits, and returns the exit code."""
        return await self.stop()

    stop_the_world = Child.pause
    go_on = Child.resume


class Cluster:
    """Several pods that share a Kafka and a Redis, with haproxy in front; use it as `async with`, or start and kill it."""

    def __init__(
        self,
        directory: Path,
        topics: Topics,
        redis: RedisServer | RedisSentinel,
        issuer: Issuer,
        *,
        pods: int = 3,
        roles: Sequence[str] = ("intake,sockets",),
        settings: Mapping[str, str] | None = None,
        pod_settings: Mapping[int, Mapping[str, str]] | None = None,
        pod_type: type[Pod] = Pod,
    ) -> None:
        """Give each pod one of the `roles` in turn; `settings` go over those that the cluster needs itself.

        `pod_settings` are those of single pods, by number, and go over all others. `pod_type` is how a pod is run.
        """
        self.topics = topics
        self.redis = redis
        self.issuer = issuer
        shared = {
            **topics.settings,
            **issuer.settings,
            "REALTIME_REDIS__URL": redis.url,
            "REALTIME_REDIS__KEY_PREFIX": topics.prefix,
            # A pod that was killed holds its partitions this long.
            "REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
            "REALTIME_KAFKA__HEARTBEAT_INTERVAL_SECONDS": "1",
            "REALTIME_DRAIN__SETTLE_SECONDS": "0.5",
            **(settings or {}),
        }
        own = [shared | dict((pod_settings or {}).get(i, {})) for i in range(pods)]
        self.pods = [
            pod_type(f"pod-{i}", directory / f"pod-{i}", own[i], roles=roles[i % len(roles)]) for i in range(pods)
        ]
        self.with_sockets = [pod for pod in self.pods if "sockets" in pod.roles]
        self.haproxy = Haproxy(directory / "haproxy", {pod.name: pod.port for pod in self.with_sockets})
        self.url = self.haproxy.url

    @property
    def kafka(self) -> Kafka:
        return self.topics.kafka

    async def start(self) -> None:
        """Start everything at once, and wait until haproxy finds all pods with sockets up."""
        async with asyncio.TaskGroup() as starting:
            for child in (self.haproxy, *self.pods):
                starting.create_task(child.start())
        await self.haproxy.sees(*(pod.name for pod in self.with_sockets))

    async def kill(self) -> None:
        """End everything at once; tests that care how a pod leaves say `terminate` themselves."""
        for child in (self.haproxy, *self.pods):
            await child.kill()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
