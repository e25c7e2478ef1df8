"""Pods in one process, whole from Socket.IO to the broker, and browsers that reach them without a network."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from engineio.async_socket import AsyncSocket

from parts.tokens import Issuer
from realtime.broker.base import Broker, Publication
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.gateway.gateway import Gateway
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import TokenVerifier
from realtime.presence.memory import MemoryPodDirectory
from realtime.settings import AuthSettings, HttpSettings, LimitSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.socketio.attachment import SocketIOAttachment
from realtime.transports.socketio.fanout import Fanout
from realtime.transports.socketio.handlers import register_handlers
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_socketio_server
from unit.fakes import FakeClock

ISSUER = Issuer.hs256()
TURNS = 30


async def settle() -> None:
    """Let everything that is ready happen; there is no network to wait for."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class SocketPod:
    """A pod's sockets: python-socketio, the manager, the gateway."""

    def __init__(self, hub: MemoryHub, pod_id: str, broker: Broker | None = None, **sockets: Any) -> None:
        self.id = pod_id
        self.broker = broker or MemoryBroker(hub, pod_id)
        self.clock = FakeClock(wall_ms=int(time.time() * 1_000))
        self.metrics = Metrics()
        settings = SocketSettings(**sockets)
        self.manager = BrokerManager(self.broker, pod_id, self.clock, self.metrics)
        self.server = make_socketio_server(self.manager, pod_id, HttpSettings(), settings)
        self.fanout = Fanout(self.server.eio, settings)
        self.attachment = SocketIOAttachment(self.server, self.fanout)
        limits = LimitSettings()
        self.sessions = Sessions(limits)
        stats = Stats(self.sessions, self.attachment, MemoryPodDirectory(self.clock), self.clock)
        auth = AuthSettings(secret=ISSUER.verification_key, issuer=ISSUER.name, audience=ISSUER.audience)
        self.gateway = Gateway(
            self.attachment,
            self.sessions,
            stats,
            TokenVerifier(auth),
            limits,
            settings,
            auth,
            self.clock,
            self.metrics,
        )
        self.manager.attach(self.fanout, self.gateway.welcome)
        register_handlers(self.server, self.gateway, self.metrics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SocketPod"]:
        tasks = [asyncio.create_task(self.broker.run(self.manager)), asyncio.create_task(self.manager.run())]
        await settle()
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def enter(self, user_id: str, *roles: str) -> "Browser":
        """Connect a browser, which has heard its welcome."""
        browser = Browser(self)
        await browser.connect({"token": ISSUER.token(user_id, *roles)})
        assert [name for name, _ in browser.hear()] == ["connection:success"]
        return browser

    async def publish(self, *rooms: str, packet: bytes = b'2["hello",{}]', happened_seconds_ago: float = 0) -> None:
        happened_at_ms = self.clock.wall_ms() - int(happened_seconds_ago * 1_000)
        await self.broker.publish_once([Publication(packet, rooms, happened_at_ms)])


class Browser:
    """A client whose packets go straight into python-socketio, and whose socket's queue is what it hears."""

    def __init__(self, pod: SocketPod) -> None:
        self._pod = pod
        self.eio_sid = pod.server.eio.generate_id()
        self.socket = AsyncSocket(pod.server.eio, self.eio_sid)
        self.socket.connected = True
        pod.server.eio.sockets[self.eio_sid] = self.socket
        self.sid = ""

    async def connect(self, auth: object = None, environ: Mapping[str, Any] | None = None) -> None:
        await self._pod.server._handle_eio_connect(self.eio_sid, dict(environ or {}))
        await self.send("0" + ("" if auth is None else json.dumps(auth)))

    async def send(self, packet: str | bytes) -> None:
        """Send what a client may send, or may not."""
        await self._pod.server._handle_eio_message(self.eio_sid, packet)
        await settle()

    async def command(self, name: str, *arguments: object) -> Any:
        """Send a command and return its ack."""
        await self.send("27" + json.dumps([name, *arguments]))
        (ack,) = [packet for packet in self.hear_packets() if packet.startswith("37")]
        return json.loads(ack[2:])[0]

    async def leave(self) -> None:
        await self._pod.server._handle_eio_disconnect(self.eio_sid, "transport close")
        self._pod.server.eio.sockets.pop(self.eio_sid, None)
        await settle()

    def hear_packets(self) -> list[Any]:
        """Take the Socket.IO packets that wait, in order; text and binary ones."""
        packets = []
        while not self.socket.queue.empty():
            packet = self.socket.queue.get_nowait()
            if packet is not None:
                packets.append(packet.data)
                if isinstance(packet.data, str) and packet.data.startswith('0{"sid"'):
                    self.sid = json.loads(packet.data[1:])["sid"]
        return packets

    def hear(self) -> list[tuple[str, Any]]:
        """Take the messages that wait: name and data, in order."""
        events = [json.loads(packet[1:]) for packet in self.hear_packets() if packet.startswith("2")]
        return [(event[0], event[1] if len(event) > 1 else None) for event in events]
