"""Who is compared, and how one talks to each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench import programs
from bench.client import CENTRIFUGO as CENTRIFUGO_DIALECT
from bench.client import SOCKETIO
from bench.pods import CENTRIFUGO, NODE_RECOVERY, NODE_SHARDED
from bench.processes import NODE, OURS, STOCK
from scorecard.centrifugo import CentrifugoClient
from tool.socketio import SocketIoClient

Client = SocketIoClient | CentrifugoClient


@dataclass(frozen=True)
class Contender:
    """One of them. `prepare` installs what it takes, or raises `Unavailable`."""

    kind: str
    title: str
    what: str
    prepare: Callable[[], object]
    dialect: str
    client: type[Client]
    follow_orders: str
    follow_inventory: str
    sits_out: frozenset[str] = frozenset()  # rows that it has no part in


# It keeps as little as the other Pub/Sub adapter: there is nothing that could come after a drop.
AS_THE_CLASSIC: Final = frozenset({"drops", "restart", "kill"})


def _socketio(
    kind: str, title: str, what: str, prepare: Callable[[], object], sits_out: frozenset[str] = frozenset()
) -> Contender:
    return Contender(
        kind,
        title,
        what,
        prepare,
        SOCKETIO,
        SocketIoClient,
        '420["subscribe:orders",{}]',
        '420["subscribe:inventory",{}]',
        sits_out,
    )


# Left out of a quick run unless they are named.
OTHER_ADAPTERS: Final = frozenset({NODE_SHARDED, NODE_RECOVERY})


def _is_here() -> None:
    """It came with this environment."""


CONTENDERS: Final = {
    contender.kind: contender
    for contender in (
        _socketio(OURS, "realtime", "`realtime serve`, its settings as they are but for its limits", _is_here),
        _socketio(
            NODE,
            "Node socket.io",
            "socket.io, its classic Redis adapter (Pub/Sub, one channel for all rooms) and kafkajs",
            programs.node_packages,
        ),
        _socketio(
            NODE_SHARDED,
            "Node, sharded",
            "the same with the sharded Redis adapter (a channel for each room), in the rows that time something",
            programs.node_packages,
            AS_THE_CLASSIC,
        ),
        _socketio(
            NODE_RECOVERY,
            "Node, Streams + CSR",
            "the same with the Redis Streams adapter and connection state recovery",
            programs.node_packages,
        ),
        _socketio(STOCK, "python-socketio", "python-socketio on uvicorn, AsyncRedisManager and aiokafka", _is_here),
        Contender(
            CENTRIFUGO,
            "Centrifugo",
            "Centrifugo with its Redis engine, its Kafka consumer, and history with recovery for every channel",
            programs.centrifugo,
            CENTRIFUGO_DIALECT,
            CentrifugoClient,
            '{"id":2,"subscribe":{"channel":"orders:#user-%d"}}',
            '{"id":2,"subscribe":{"channel":"inventory:updates"}}',
        ),
    )
}
