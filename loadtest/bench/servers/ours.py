"""Our socket core: the parts of `realtime.app` that sockets need, without gateway, REST and intake.

python -m bench.servers.ours --port PORT [--secret SECRET] [--redis URL]

This is the one place of the benchmark that knows how the core is put together.
"""

import asyncio
from typing import Any

import orjson
import socketio
import uvloop
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.responses import PlainTextResponse

from bench.servers.conversation import Conversation, EmitTick, Message, emit_each, read_arguments
from realtime.broker.base import Broker, Publication, PublishedRecord, RecordBatch
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.broker.redis import RedisBroker
from realtime.clock import SystemClock
from realtime.errors import RealtimeError
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.redis.connection import connect_redis
from realtime.server import make_server, settle_memory
from realtime.settings import (
    AuthSettings,
    HistorySettings,
    HttpSettings,
    LimitSettings,
    RedisSettings,
    SocketSettings,
)
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.http import http_protocol
from realtime.transports.socketio.asgi import Front
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server
from realtime.transports.socketio.sids import new_pod_id


async def serve() -> None:
    """Serve until a signal comes."""
    arguments = read_arguments()
    pod_id, clock, metrics = new_pod_id(), SystemClock(), Metrics()
    http = HttpSettings(host="127.0.0.1", port=arguments.port)
    sockets, limits, history = SocketSettings(), LimitSettings(), HistorySettings()

    broker: Broker
    if arguments.redis:
        redis = RedisSettings(url=arguments.redis)
        broker = RedisBroker(connect_redis(redis), redis, history, pod_id, metrics)
    else:
        broker = MemoryBroker(MemoryHub(history), pod_id)
    manager = BrokerManager(broker, pod_id, clock, metrics)
    engine = make_engine(pod_id, http, sockets, metrics, limits.sessions_per_pod)
    server = make_socketio_server(manager, pod_id, engine)
    manager.attach(engine)
    ways = {
        "emit": emit_each(server),
        "publish": _publish_once(broker),
        "concurrent": _publish_concurrently(broker),
        "records": _publish_records(broker, pod_id),
    }
    _answer_connect(server, Conversation(server, ways), arguments.secret)

    front = Front(engine, PlainTextResponse("Not found", 404))
    web = make_server(front, http, engine.shutdown, http_protocol(engine))
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(broker.run(manager)), tasks.create_task(manager.run())]
        settle_memory()
        await web.serve()
        for task in background:
            task.cancel()


def _answer_connect(server: socketio.AsyncServer, conversation: Conversation, secret: str) -> None:
    verifier = TokenVerifier(AuthSettings(secret=secret)) if secret else None

    async def connect(sid: str, _environ: Any, auth: Any = None) -> None:
        if verifier is not None:
            try:
                identity = verifier.identify(Credentials(token=(auth or {}).get("token")))
            except RealtimeError as error:
                raise Refused(str(error)) from error
            await server.save_session(sid, {"user": identity.user_id})
        conversation.connected()

    server.on("connect", connect)


def _publications(room: str, messages: list[Message]) -> list[Publication]:
    return [Publication(b"2" + orjson.dumps(["u", m]), (room,), m["t"] // 1_000_000) for m in messages]


def _publish_once(broker: Broker) -> EmitTick:
    """The way of REST: one call for what is published together."""

    async def emit_tick(room: str, messages: list[Message]) -> None:
        await broker.publish_once(_publications(room, messages))

    return emit_tick


def _publish_concurrently(broker: Broker) -> EmitTick:
    """The way of many REST requests at once: a call for each."""

    async def emit_tick(room: str, messages: list[Message]) -> None:
        await asyncio.gather(*(broker.publish_once([one]) for one in _publications(room, messages)))

    return emit_tick


def _publish_records(broker: Broker, partition_name: str) -> EmitTick:
    """The way of Kafka's records: one call for a batch of a partition, which moves its position."""
    offset = -1

    async def emit_tick(room: str, messages: list[Message]) -> None:
        nonlocal offset
        publications = _publications(room, messages)
        records = [PublishedRecord(offset + 1 + i, [publication]) for i, publication in enumerate(publications)]
        await broker.publish_records(RecordBatch(partition_name, 0, offset, records))
        offset += len(records)

    return emit_tick


if __name__ == "__main__":
    uvloop.run(serve())
