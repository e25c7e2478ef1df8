"""Whole pods that read Kafka and serve sockets: ours, and what else there is to do it with.

Each is set up as its own documentation says, on one Redis and in one consumer group.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.processes import NODE, OURS, STOCK, Server, node_command
from bench.programs import centrifugo
from bench.run import Stage
from parts.http import get
from parts.ports import free_port
from parts.topics import Topics

NODE_SHARDED, NODE_RECOVERY, CENTRIFUGO = "node+sharded", "node+csr", "centrifugo"
ADAPTER = {NODE: "classic", NODE_SHARDED: "sharded", NODE_RECOVERY: "streams"}
ORDER_UPDATED, INVENTORY_UPDATED = "order.updated", "inventory.updated"
TOPICS = (ORDER_UPDATED, INVENTORY_UPDATED)
# Of a channel that Centrifugo keeps a history of: as much as our default keeps of a room.
HISTORY = {"history_size": 1_000, "history_ttl": "86400s", "force_recovery": True}
# Its default, the newest 300, is less than what is missed while a pod restarts could be.
RECOVERED_MAX = 1_000


class Pod(Server):
    """A pod that is there when it listens: Node's then has its partitions."""

    # After one was killed, Kafka keeps its partitions for it as long as the session lasts, by default up to 45 s.
    start_timeout_seconds = 90.0


class ReadyPod(Pod):
    """One that tells by HTTP when it is ready: ours then has its partitions."""

    def __init__(
        self,
        name: str,
        command: list[str],
        directory: Path,
        core: int,
        port: int,
        health: str,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(name, command, directory, core, port, environment)
        self._health = f"http://127.0.0.1:{port}{health}"

    async def is_ready(self) -> bool:
        """Ask as Kubernetes would."""
        response = await get(self._health)
        return response is not None and response.status_code == 200


def make_pod(
    stage: Stage,
    kind: str,
    topics: Topics,
    redis: str,
    *,
    core: int | None = None,
    has_intake: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Server:
    """Make a pod of a kind, on its own port; without intake it reads nothing from Kafka. Not started yet.

    `settings` are ours alone.
    """
    port = free_port()
    core = stage.cores.server if core is None else core
    directory = stage.directory / f"{kind}-{port}"
    if kind == OURS:
        environment = {
            **topics.settings,
            "REALTIME_AUTH__SECRET": stage.issuer.signing_key,
            "REALTIME_REDIS__URL": redis,
            "REALTIME_HTTP__HOST": "127.0.0.1",
            "REALTIME_HTTP__PORT": str(port),
            "REALTIME_LOG__LEVEL": "warning",
            "REALTIME_ROLES": "intake,sockets" if has_intake else "sockets",
            **(settings or {}),
        }
        command = [sys.executable, "-m", "realtime", "serve"]
        return ReadyPod(kind, command, directory, core, port, "/health/ready", environment)
    if kind == CENTRIFUGO:
        configuration = directory / "config.json"
        directory.mkdir(parents=True)
        configuration.write_text(json.dumps(_centrifugo(stage, topics, redis, port, has_intake), indent=2))
        command = [str(centrifugo()), "--config", str(configuration)]
        return ReadyPod(kind, command, directory, core, port, "/health")
    options = {"port": str(port), "secret": stage.issuer.signing_key, "redis": redis}
    if has_intake:
        options |= {
            "kafka": topics.kafka.bootstrap_servers,
            "topics": ",".join(map(topics.name, TOPICS)),
            "group": topics.group_id,
        }
    if kind == STOCK:
        command = [sys.executable, "-m", "bench.servers.stock_kafka"]
        command += [argument for name, value in options.items() for argument in (f"--{name}", value)]
    elif kind in ADAPTER:
        command = node_command("kafka.mjs", options | {"adapter": ADAPTER[kind]})
    else:
        raise ValueError(f"no pod is called {kind}")
    return Pod(kind, command, directory, core, port)


def _centrifugo(stage: Stage, topics: Topics, redis: str, port: int, has_intake: bool) -> dict[str, object]:
    """Channels are rooms. Which ones a record goes to, its header `centrifugo-channels` says: it routes nothing."""
    consumer = {
        "name": "records",
        "enabled": True,
        "type": "kafka",
        "kafka": {
            "brokers": [topics.kafka.bootstrap_servers],
            "topics": [topics.name(topic) for topic in TOPICS],
            "consumer_group": topics.group_id,
            "publication_data_mode": {"enabled": True},
        },
    }
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "log": {"level": "warn"},
        "health": {"enabled": True},
        "engine": {"type": "redis", "redis": {"address": redis}},
        "client": {
            "token": {"hmac_secret_key": stage.issuer.signing_key},
            "recovery_max_publication_limit": RECOVERED_MAX,
            # Every user hears of what is theirs in `user:#<sub>`, from the start.
            "subscribe_to_user_personal_channel": {"enabled": True, "personal_channel_namespace": "user"},
        },
        "channel": {
            "namespaces": [
                {"name": "user", **HISTORY},
                {"name": "orders", "allow_user_limited_channels": True, **HISTORY},
                {"name": "inventory", "allow_subscribe_for_client": True, **HISTORY},
                {"name": "product", "allow_subscribe_for_client": True, **HISTORY},
                {"name": "admin", **HISTORY},
            ]
        },
        "consumers": [consumer] if has_intake else [],
    }
