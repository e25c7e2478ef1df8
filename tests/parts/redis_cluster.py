"""A real Redis Cluster on loopback: primaries that share the slots between them, each with its replicas."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import RedisError

from parts.ports import free_cluster_port
from parts.redis_server import RedisServer
from parts.waiting import eventually

# How long a primary is silent before the others vote; a failover takes a second or two longer.
NODE_TIMEOUT_MS = 1_500
PATIENCE_SECONDS = 30.0


class ClusterNode(RedisServer):
    """One node; started again it has its data, its slots or whom it follows, and takes its place."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            directory,
            *("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
            *("--cluster-announce-ip", "127.0.0.1", "--repl-diskless-sync-delay", "0"),
            port=free_cluster_port(),
        )

    async def cluster(self, *words: object) -> Any:
        """Say a CLUSTER command."""
        async with Redis(port=self.port) as redis:
            return await redis.execute_command("CLUSTER", *words)

    async def sees(self) -> Mapping[str, dict[str, Any]] | None:
        """Ask for all nodes as this one sees them, by their address; None when it does not answer."""
        if not self.is_running:
            return None
        try:
            async with asyncio.timeout(1), Redis(port=self.port) as redis:
                return await redis.cluster("NODES")  # type: ignore[no-any-return]
        except (RedisError, OSError, TimeoutError):
            return None


class RedisCluster:
    """`primaries` nodes that share all slots, and a replica or more for each; `url` is what a pod is given."""

    def __init__(self, directory: Path, *, primaries: int = 3, replicas_each: int = 1) -> None:
        self.nodes = [ClusterNode(directory / f"node-{n}") for n in range(primaries * (1 + replicas_each))]
        self._primaries = primaries
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    async def start(self) -> None:
        """Start all nodes, make them one cluster, and wait until each of them finds it whole."""
        for node in self.nodes:
            await node.start()
        primaries, replicas = self.nodes[: self._primaries], self.nodes[self._primaries :]
        borders = [SLOTS * n // self._primaries for n in range(self._primaries + 1)]
        for epoch, (node, (first, end)) in enumerate(zip(primaries, pairwise(borders), strict=True), 1):
            await node.cluster("ADDSLOTSRANGE", first, end - 1)
            await node.cluster("SET-CONFIG-EPOCH", epoch)
            if node is not primaries[0]:
                await node.cluster("MEET", "127.0.0.1", primaries[0].port)
        for node in replicas:
            await node.cluster("MEET", "127.0.0.1", primaries[0].port)
        await eventually(self._all_know_all, PATIENCE_SECONDS, "all nodes know each other")
        for number, node in enumerate(replicas):
            await node.cluster("REPLICATE", await primaries[number % self._primaries].cluster("MYID"))
        await eventually(self.is_whole, PATIENCE_SECONDS, "the cluster is whole")

    async def kill(self) -> None:
        for node in self.nodes:
            await node.kill()

    async def owner(self, key: str) -> ClusterNode:
        """Return the primary that holds a key, and with it all keys of the same hash tag, when the nodes agree on it."""
        return await self._agreed(key, None)

    async def kill_owner(self, key: str) -> ClusterNode:
        """Kill the primary that holds a key, and return the replica that has taken its place."""
        old = await self.owner(key)
        await old.kill()
        return await self._agreed(key, old)

    async def fail_over(self, key: str) -> ClusterNode:
        """Have a replica take the place of the primary that holds a key, as an operator would, and return it."""
        old = await self.owner(key)
        await eventually(self.is_whole, PATIENCE_SECONDS, "there is somebody to fail over to")
        old_id = (await old.cluster("MYID")).decode()
        seen = await old.sees() or {}
        port = next(int(address.rpartition(":")[2]) for address, about in seen.items() if about["master_id"] == old_id)
        await next(node for node in self.nodes if node.port == port).cluster("FAILOVER")
        return await self._agreed(key, old)

    async def move_slot(self, key: str, to: ClusterNode) -> None:
        """Hand the slot of a key to another primary, with all that is in it, as resharding does."""
        slot, old = key_slot(key.encode()), await self.owner(key)
        to_id, old_id = await to.cluster("MYID"), await old.cluster("MYID")
        await to.cluster("SETSLOT", slot, "IMPORTING", old_id)
        await old.cluster("SETSLOT", slot, "MIGRATING", to_id)
        async with Redis(port=old.port) as redis:
            while keys := await old.cluster("GETKEYSINSLOT", slot, 100):
                await redis.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, "KEYS", *keys)
        for node in (to, old, *self.nodes):
            about = (await node.sees() or {}).get(f"127.0.0.1:{node.port}", {"flags": "slave"})
            if "master" in about["flags"]:
                await node.cluster("SETSLOT", slot, "NODE", to_id)

    async def is_whole(self) -> bool:
        """Whether all nodes run, each finds all slots served, and each replica follows."""
        for node in self.nodes:
            if not node.is_running:
                return False
            async with Redis(port=node.port) as redis:
                state, about = await redis.cluster("INFO"), await redis.info("replication")
            if state["cluster_state"] != "ok" or about.get("master_link_status", "up") != "up":
                return False
        views = [await node.sees() for node in self.nodes]
        roles = [
            sorted((address, "slave" in about["flags"]) for address, about in (view or {}).items()) for view in views
        ]
        followers = sum(is_replica for _, is_replica in roles[0])
        return followers == len(self.nodes) - self._primaries and all(role == roles[0] for role in roles)

    async def _all_know_all(self) -> bool:
        views = [await node.sees() for node in self.nodes]
        return all(view is not None and len(view) == len(self.nodes) for view in views)

    async def _agreed(self, key: str, other_than: ClusterNode | None) -> ClusterNode:
        slot = key_slot(key.encode())

        async def find() -> ClusterNode | None:
            ports = {_port_of_owner(view, slot) for node in self.nodes if (view := await node.sees())}
            node = next((node for node in self.nodes if {node.port} == ports), None)
            return None if node is other_than else node

        return await eventually(find, PATIENCE_SECONDS, f"all nodes agree on who holds {key}")


def _port_of_owner(view: Mapping[str, dict[str, Any]], slot: int) -> int | None:
    for address, about in view.items():
        for first, *last in about["slots"]:
            if not str(first).startswith("[") and int(first) <= slot <= int(last[0] if last else first):
                return int(address.rpartition(":")[2])
    return None
