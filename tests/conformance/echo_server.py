"""A server whose handlers echo: our Socket.IO server on our web server, without gateway, Kafka and Redis.

This is the one place of these tests that knows how the product's parts are put together. It runs as a process of its
own, so that a test's client and the server wait for each other on nothing but the network.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import socketio
import structlog

from parts.child import Child
from parts.http import get
from parts.ports import free_port
from realtime.broker.base import Publication
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.clock import SystemClock
from realtime.server import make_server
from realtime.settings import HistorySettings, HttpSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio import probe
from realtime.transports.engineio.engine import Engine
from realtime.transports.engineio.http import http_protocol
from realtime.transports.socketio.asgi import Front
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server
from realtime.transports.socketio.sids import new_pod_id

TESTS = Path(__file__).parents[1]
CUSTOM = "/custom"
ALIVE = "/alive"
MAX_CONNECTIONS = 20_000


class EchoServer(Child):
    """The server as a child process; `http` and `sockets` are those sections of the settings, `more` as in `main`."""

    def __init__(
        self,
        directory: Path,
        *,
        http: dict[str, Any] | None = None,
        sockets: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.port = free_port()
        self._scheme = "https" if http and "tls_key_file" in http else "http"
        settings = {"http": {"host": "127.0.0.1", "port": self.port, **(http or {})}, "sockets": sockets or {}, **more}
        command = [sys.executable, "-m", "conformance.echo_server", json.dumps(settings)]
        environment = {"PYTHONPATH": str(TESTS), "PYTHONUNBUFFERED": "1"}
        super().__init__("echo server", command, directory, environment)

    async def is_ready(self) -> bool:
        response = await get(f"{self._scheme}://127.0.0.1:{self.port}{ALIVE}")
        return response is not None and response.status_code == 200


class EchoManager(BrokerManager):
    """Greets in both namespaces, as the servers of socket.io-protocol's own test suite do."""

    async def connect(self, sid: str, namespace: str) -> str:
        sid = await super().connect(sid, namespace)
        session = await self.server.get_session(sid, namespace)
        await self.server.emit("auth", session["auth"], to=sid, namespace=namespace)
        return sid


class Echo:
    """The handlers."""

    def __init__(self, server: socketio.AsyncServer, broker: MemoryBroker, clock: SystemClock) -> None:
        self._server = server
        self._broker = broker
        self._clock = clock
        for namespace in ("/", CUSTOM):
            server.on("connect", self._connector(namespace), namespace=namespace)
            server.on("*", self._dispatcher(namespace), namespace=namespace)

    def _connector(self, namespace: str) -> Any:
        async def on_connect(sid: str, environ: Any, auth: Any = None) -> None:
            await self._server.save_session(sid, {"auth": auth or {}}, namespace)

        return on_connect

    def _dispatcher(self, namespace: str) -> Any:
        async def on_event(name: str, sid: str, *arguments: Any) -> Any:
            match name:
                case "message":
                    await self._server.emit("message-back", arguments, to=sid, namespace=namespace)
                case "message-with-ack":
                    return arguments
                case "ask":
                    await self._ask(sid, namespace, arguments)
                case "burst":  # so many small messages
                    for number in range(arguments[0]):
                        await self._server.emit("burst", number, to=sid, namespace=namespace)
                case "big":  # one message with so many characters
                    await self._server.emit("big", "x" * arguments[0], to=sid, namespace=namespace)
                case "join":
                    await self._server.enter_room(sid, arguments[0], namespace)
                    return True
                case "publish":  # so many messages of so many characters, to a room
                    await self._publish(*arguments)
                case "leave":
                    await self._server.disconnect(sid, namespace)
            return None

        return on_event

    async def _ask(self, sid: str, namespace: str, arguments: tuple[Any, ...]) -> None:
        async def on_answer(*answer: Any) -> None:
            await self._server.emit("answered", answer, to=sid, namespace=namespace)

        await self._server.emit("question", arguments, to=sid, namespace=namespace, callback=on_answer)

    async def _publish(self, room: str, count: int, characters: int) -> None:
        filling = "x" * characters
        now_ms = self._clock.wall_ms()
        packets = [b'2["published",%d,"%s"]' % (number, filling.encode()) for number in range(count)]
        await self._broker.publish_once([Publication(packet, (room,), now_ms) for packet in packets])


@dataclass(frozen=True, slots=True)
class Parts:
    """What the server is made of."""

    engine: Engine
    server: socketio.AsyncServer
    manager: EchoManager
    broker: MemoryBroker

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do what goes on beside serving."""
        tasks = [asyncio.create_task(self.broker.run(self.manager)), asyncio.create_task(self.manager.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def compose(http: HttpSettings, sockets: SocketSettings) -> Parts:
    """Put the parts together as `realtime.app` does."""
    clock, metrics, pod_id = SystemClock(), Metrics(), new_pod_id()
    broker = MemoryBroker(MemoryHub(HistorySettings(), clock), pod_id)
    manager = EchoManager(broker, pod_id, clock, metrics)
    engine = make_engine(pod_id, http, sockets, metrics, MAX_CONNECTIONS)
    server = make_socketio_server(manager, pod_id, engine)
    manager.attach(engine, _no_welcome)
    Echo(server, broker, clock)
    return Parts(engine, server, manager, broker)


async def serve(http: HttpSettings, sockets: SocketSettings) -> None:
    """Serve until SIGTERM."""
    parts = compose(http, sockets)
    engine = parts.engine
    async with parts.running():
        await make_server(Front(engine, _alive), http, engine.shutdown, http_protocol(engine)).serve()


async def _no_welcome(_sid: str) -> None:
    pass


async def _alive(scope: Any, receive: Any, send: Any) -> None:
    """Answer what is not Socket.IO's: a request with its body, so that requests beside Socket.IO can be tested."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = body or f"{scope['path']} at {time.time()}".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serve with the settings of the command line, JSON: {"http": {...}, "sockets": {...}, "upgrade_seconds": ...}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="?", default="{}")
    settings = json.loads(parser.parse_args().settings)
    # uvicorn raises the signal once more when it has shut down.
    signal.signal(signal.SIGTERM, lambda *_: None)
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # No setting, as nobody needs another value than Node's ten seconds but who waits for them.
    probe.UPGRADE_SECONDS = settings.get("upgrade_seconds", probe.UPGRADE_SECONDS)  # type: ignore[misc]
    asyncio.run(serve(HttpSettings(**settings.get("http", {})), SocketSettings(**settings.get("sockets", {}))))


if __name__ == "__main__":
    main()
