"""A real Redis under Sentinel: one primary, its replicas, and three sentinels that agree on who it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from parts.child import Child
from parts.needs import need
from parts.ports import free_port
from parts.redis_server import RedisServer, redis_name
from parts.waiting import eventually

SERVICE = "realtime"
SENTINELS = 3
QUORUM = 2
# How long a primary is silent before the sentinels vote; a failover takes a second or two longer. On a machine that starts
# a Kafka and three pods beside them, a primary that lives has been taken for dead after one second.
DOWN_AFTER_MS = 3_000
FAILOVER_TIMEOUT_MS = 3_000
PATIENCE_SECONDS = 30.0


class SentinelServer(Child):
    """One sentinel. It writes what it learns into its file, and goes on with that when it is started again."""

    part = "Redis Sentinel"

    def __init__(self, directory: Path, primary: RedisServer, password: str | None = None) -> None:
        self.port = free_port()
        self._password = password
        self._configuration = directory / "sentinel.conf"
        self._lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {directory}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} {QUORUM}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} {FAILOVER_TIMEOUT_MS}",
            *([] if password is None else [f'requirepass "{password}"']),
        ]
        super().__init__(redis_name(), [need("redis-server"), str(self._configuration), "--sentinel"], directory)

    async def start(self) -> None:
        """Start it; the first time it knows but the primary, and learns of the others."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._configuration.exists():
            self._configuration.write_text("\n".join(self._lines) + "\n")
        await super().start()

    def operator(self) -> Redis:
        """Connect to it."""
        return Redis(port=self.port, password=self._password)

    async def is_ready(self) -> bool:
        async with self.operator() as sentinel:
            try:
                return bool(await sentinel.ping())
            except RedisError:
                return False

    async def primary_port(self) -> int | None:
        """Whom it takes for the primary."""
        async with self.operator() as sentinel:
            address = await sentinel.sentinel_get_master_addr_by_name(SERVICE)
            return None if address is None else int(address[1])

    async def knows_all(self, replicas: int) -> bool:
        """Whether it knows all replicas and sentinels, so that it can fail over."""
        async with self.operator() as sentinel:
            about = await sentinel.sentinel_master(SERVICE)
            return (int(about["num-slaves"]), int(about["num-other-sentinels"])) == (replicas, SENTINELS - 1)


class RedisSentinel:
    """A primary with replicas under three sentinels, each a process of its own; `url` is what a pod is given.

    `nodes` are the data servers, the first of them the primary at the start. A node that was killed and is started again
    has its data, believes what it was, and is made a replica by the sentinels within seconds.
    """

    def __init__(self, directory: Path, *, replicas: int = 2, sentinel_password: str | None = None) -> None:
        primary = RedisServer(directory / "node-0", *_FOR_REPLICATION)
        follow = ("--replicaof", "127.0.0.1", str(primary.port))
        self.nodes = [
            primary,
            *(RedisServer(directory / f"node-{n + 1}", *_FOR_REPLICATION, *follow) for n in range(replicas)),
        ]
        self.sentinels = [
            SentinelServer(directory / f"sentinel-{n}", primary, sentinel_password) for n in range(SENTINELS)
        ]
        addresses = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{addresses}/{SERVICE}/0"

    async def start(self) -> None:
        """Start all, and wait until each replica follows and each sentinel knows all others."""
        for child in (*self.nodes, *self.sentinels):
            await child.start()
        await eventually(self._is_complete, PATIENCE_SECONDS, "replicas follow, and sentinels know each other")

    async def kill(self) -> None:
        for child in (*self.sentinels, *self.nodes):
            await child.kill()

    async def primary(self) -> RedisServer:
        """Whom all sentinels that run take for the primary, once it says so itself."""
        return await self._agreed(None)

    async def fail_over(self) -> RedisServer:
        """Have the sentinels make another node the primary, as an operator would; return it. The old one follows it."""
        old = await self.primary()
        await eventually(self._is_complete, PATIENCE_SECONDS, "there is somebody to fail over to")
        await eventually(self._ask_for_failover, PATIENCE_SECONDS, "the sentinels begin a failover")
        new = await self._agreed(old)
        await eventually(lambda: _follows(old), PATIENCE_SECONDS, "the old primary follows")
        return new

    async def kill_primary(self) -> RedisServer:
        """Kill the primary, and return the one that the sentinels put in its place."""
        old = await self.primary()
        await old.kill()
        return await self._agreed(old)

    @asynccontextmanager
    async def cut_off_replicas(self) -> AsyncIterator[RedisServer]:
        """Freeze the replicas and cut their connections, so that they get nothing of what the primary takes meanwhile."""
        primary = await self.primary()
        replicas = [node for node in self.nodes if node is not primary and node.is_running]
        for replica in replicas:
            replica.pause()
        async with Redis.from_url(primary.url) as redis:
            await redis.client_kill_filter(_type="replica")  # else the rest would reach them in their sockets
        try:
            yield primary
        finally:
            for replica in replicas:
                replica.resume()

    async def _agreed(self, other_than: RedisServer | None) -> RedisServer:
        async def find() -> RedisServer | None:
            running = [sentinel for sentinel in self.sentinels if sentinel.is_running]
            ports = {await sentinel.primary_port() for sentinel in running}
            node = next((node for node in self.nodes if {node.port} == ports), None)
            if node is None or node is other_than or await _role(node) != "master":
                return None
            return node

        return await eventually(find, PATIENCE_SECONDS, "the sentinels agree on a primary")

    async def _is_complete(self) -> bool:
        running = [node for node in self.nodes if node.is_running]
        for sentinel in self.sentinels:
            if sentinel.is_running and not await sentinel.knows_all(len(self.nodes) - 1):
                return False
        links = [await _replication(node) for node in running]
        return all(link["role"] == "master" or link["master_link_status"] == "up" for link in links)

    async def _ask_for_failover(self) -> bool:
        async with self.sentinels[0].operator() as sentinel:
            try:
                return bool(await sentinel.execute_command("SENTINEL FAILOVER", SERVICE))
            except RedisError:  # it has not noticed yet that a replica is fit, or that the last failover is over
                return False


# Followers are served at once, not after the seconds in which others might ask, too.
_FOR_REPLICATION = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


async def _replication(node: RedisServer) -> dict[str, str]:
    async with Redis.from_url(node.url) as redis:
        return await redis.info("replication")  # type: ignore[no-any-return]


async def _role(node: RedisServer) -> str | None:
    if not node.is_running:
        return None
    try:
        async with asyncio.timeout(1):
            return (await _replication(node))["role"]
    except (RedisError, OSError, TimeoutError):
        return None


async def _follows(node: RedisServer) -> bool:
    return await _role(node) == "slave"
