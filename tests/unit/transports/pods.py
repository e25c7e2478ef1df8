"""Pods in one process, whole from Socket.IO to the broker, and browsers that reach them without a network."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

from parts.tokens import Issuer
from realtime.broker.base import Broker, Publication
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.gateway.gateway import Gateway
from realtime.gateway.hearing import Hearing
from realtime.gateway.recovery import Recovery
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import TokenVerifier
from realtime.presence.memory import MemoryPodDirectory
from realtime.presence.memory_devices import MemoryPresence, MemoryPresenceHub
from realtime.resumption.memory import MemoryResumableSessions, MemorySessionHub
from realtime.settings import (
    AuthSettings,
    HistorySettings,
    HttpSettings,
    LimitSettings,
    OfflineSettings,
    PresenceSettings,
    RecoverySettings,
    SocketSettings,
)
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.frames import TEXT, payload_of
from realtime.transports.socketio.attachment import SocketIOAttachment
from realtime.transports.socketio.handlers import register_handlers
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server
from unit.fakes import FakeClock, a_breaker

ISSUER = Issuer.hs256()
TURNS = 30


async def settle() -> None:
    """Let everything that is ready happen; there is no network to wait for."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@cache
def hub_of_presence(_: MemoryHub) -> MemoryPresenceHub:
    """What pods over one broker's hub share."""
    return MemoryPresenceHub(PresenceSettings(), HistorySettings())


@cache
def hub_of_sessions(_: MemoryHub) -> MemorySessionHub:
    return MemorySessionHub(RecoverySettings())


class SocketPod:
    """A pod's sockets: python-socketio, the manager, the gateway."""

    def __init__(
        self,
        hub: MemoryHub,
        pod_id: str,
        broker: Broker | None = None,
        recovery: RecoverySettings | None = None,
        offline: OfflineSettings | None = None,
        **sockets: Any,
    ) -> None:
        self.id = pod_id
        self.broker = broker or MemoryBroker(hub, pod_id)
        self.clock = FakeClock(wall_ms=int(time.time() * 1_000))
        self.metrics = Metrics()
        settings = SocketSettings(**sockets)
        self.manager = BrokerManager(self.broker, pod_id, self.clock, self.metrics)
        self.engine = make_engine(pod_id, HttpSettings(), settings, self.metrics, max_connections=1_000)
        self.server = make_socketio_server(self.manager, pod_id, self.engine)
        self.attachment = SocketIOAttachment(self.server, self.engine)
        limits = LimitSettings()
        self.sessions = Sessions(limits)
        auth = AuthSettings(secret=ISSUER.verification_key, issuer=ISSUER.name, audience=ISSUER.audience)
        told = lambda: next(iter(self.broker.told()), None)  # noqa: E731
        self.presence = MemoryPresence(hub_of_presence(hub), told)
        self.resumables = MemoryResumableSessions(hub_of_sessions(hub))
        directory = MemoryPodDirectory(self.clock)
        stats = Stats(self.sessions, self.attachment, directory, self.presence, self.clock)
        self.hearing = Hearing(self.attachment, self.broker, settings)
        recovery = Recovery(
            pod_id,
            self.attachment,
            self.broker,
            self.presence,
            self.resumables,
            self.hearing,
            limits,
            recovery or RecoverySettings(),
            offline or OfflineSettings(),
            self.metrics,
        )
        self.gateway = Gateway(
            self.attachment,
            self.broker,
            a_breaker(),
            recovery,
            self.hearing,
            self.sessions,
            stats,
            TokenVerifier(auth, self.metrics),
            limits,
            settings,
            auth,
            self.clock,
            self.metrics,
        )
        self.manager.attach(self.engine, self.gateway.welcome)
        register_handlers(self.server, self.gateway, self.attachment, self.metrics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SocketPod"]:
        runs = (
            self.broker.run(self.manager),
            self.manager.run(),
            self.presence.run(),
            self.resumables.run(self.gateway.refresh),
        )
        tasks = [asyncio.create_task(run) for run in runs]
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
    """A client on polling, without the requests: its packets go straight into its connection, what waits it hears."""

    def __init__(self, pod: SocketPod, waited_seconds: float = 0.0) -> None:
        self._pod = pod
        self.connection = pod.engine.open({}, waited_seconds)
        self.eio_sid = self.connection.sid
        self.sid = ""

    @property
    def is_connected(self) -> bool:
        return self.connection.is_open

    async def connect(self, auth: object = None, environ: Mapping[str, Any] | None = None) -> None:
        self._pod.server.environ[self.eio_sid] = dict(environ or {})
        await self.send("0" + ("" if auth is None else json.dumps(auth)))

    async def send(self, packet: str | bytes) -> None:
        """Send what a client may send, or may not."""
        self.send_now(packet)
        await settle()

    def send_now(self, packet: str | bytes) -> None:
        """Send without letting anything happen."""
        self.connection.receive(packet if isinstance(packet, bytes) else f"4{packet}")

    async def command(self, name: str, *arguments: object) -> Any:
        """Send a command and return its ack."""
        await self.send("27" + json.dumps([name, *arguments]))
        (ack,) = [packet for packet in self.hear_packets() if packet.startswith("37")]
        return json.loads(ack[2:])[0]

    async def leave(self) -> None:
        self.connection.connection_lost(None)
        await settle()

    def hear_packets(self) -> list[Any]:
        """Take the Socket.IO packets that wait, in order; text and binary ones."""
        self._pod.engine.flush()
        packets: list[Any] = []
        for frame in self.connection._take_waiting(max_bytes=1 << 30):
            payload = payload_of(frame)
            packets.append(payload[1:].decode() if frame[0] & 0x0F == TEXT else payload)
            if isinstance(packets[-1], str) and packets[-1].startswith('0{"sid"'):
                self.sid = json.loads(packets[-1][1:])["sid"]
        return packets

    def hear(self) -> list[tuple[str, Any]]:
        """Take the messages that wait: name and data, in order."""
        events = [json.loads(packet[1:]) for packet in self.hear_packets() if packet.startswith("2")]
        return [(event[0], event[1] if len(event) > 1 else None) for event in events]
