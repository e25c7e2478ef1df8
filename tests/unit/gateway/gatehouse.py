"""A gateway with all that it stands on, except sockets and Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from parts.tokens import Issuer
from realtime.broker.base import Broker, Delivery
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.gateway.gateway import Gateway
from realtime.gateway.hearing import Hearing
from realtime.gateway.recovery import Recovery
from realtime.gateway.returning import Return
from realtime.gateway.session import Session
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.presence.base import PodDirectory
from realtime.presence.memory import MemoryPodDirectory
from realtime.presence.memory_devices import MemoryPresence, MemoryPresenceHub
from realtime.protocol.disconnects import Closing
from realtime.resumption.memory import MemoryResumableSessions, MemorySessionHub
from realtime.settings import (
    AuthSettings,
    HistorySettings,
    LimitSettings,
    OfflineSettings,
    PresenceSettings,
    RecoverySettings,
    SocketSettings,
)
from realtime.telemetry.metrics import Metrics
from unit.fakes import FakeAttachment, FakeClock, a_breaker

ISSUER = Issuer.hs256()
POD_ID = "pod-aaaa"
LEEWAY_SECONDS = 5
JOIN_TIMEOUT_SECONDS = 0.01


class NobodyListens:
    """A pod's sockets, which are none."""

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None: ...

    def on_gap(self, rooms: Collection[str]) -> None: ...

    def on_signal(self, signal: bytes) -> None: ...


class Gatehouse:
    """One pod's gateway: who connects, what they say, and what they are answered."""

    def __init__(self, directory: PodDirectory | None = None, broker: Broker | None = None, **limits: Any) -> None:
        # Tokens are checked against the machine's time, so the clock begins there.
        self.clock = FakeClock(wall_ms=int(time.time() * 1_000))
        self.metrics = Metrics()
        self.attachment = FakeAttachment()
        self.directory = directory or MemoryPodDirectory(self.clock)
        settings = LimitSettings(**limits)
        self.sessions = Sessions(settings)
        self.hub = MemoryHub(HistorySettings(), self.clock)
        self.broker = broker or MemoryBroker(self.hub, POD_ID)
        self.presence = MemoryPresence(
            MemoryPresenceHub(PresenceSettings(), HistorySettings(), self.clock), lambda: self.hub.up_to[0]
        )
        self.stats = Stats(self.sessions, self.attachment, self.directory, self.presence, self.clock)
        self.resumables = MemoryResumableSessions(MemorySessionHub(RecoverySettings(), self.clock))
        sockets = SocketSettings(join_timeout_seconds=JOIN_TIMEOUT_SECONDS)
        self.hearing = Hearing(self.attachment, self.broker, sockets)
        recovery = Recovery(
            POD_ID,
            self.attachment,
            self.broker,
            self.presence,
            self.resumables,
            self.hearing,
            settings,
            RecoverySettings(),
            OfflineSettings(),
            self.metrics,
        )
        auth = AuthSettings(
            secret=ISSUER.verification_key,
            issuer=ISSUER.name,
            audience=ISSUER.audience,
            leeway_seconds=LEEWAY_SECONDS,
        )
        self.redis = a_breaker(self.clock, self.metrics)
        self.gateway = Gateway(
            self.attachment,
            self.broker,
            self.redis,
            recovery,
            self.hearing,
            self.sessions,
            self.stats,
            TokenVerifier(auth, self.metrics),
            settings,
            sockets,
            auth,
            self.clock,
            self.metrics,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Gatehouse"]:
        """Hear the broker and be present, as a pod does that clients are sent to."""
        runs = self.broker.run(NobodyListens()), self.presence.run(), self.resumables.run(self.gateway.refresh)
        tasks = [asyncio.create_task(run) for run in runs]
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def connect(self, session_id: str, token: str | None, returning: Return | None = None) -> Session:
        return await self.gateway.connect(session_id, Credentials(token=token), returning or Return())

    async def enter(self, session_id: str, user_id: str, *roles: str, **claims: Any) -> Session:
        """Connect, and be welcomed."""
        session = await self.connect(session_id, ISSUER.token(user_id, *roles, **claims))
        await self.gateway.welcome(session_id)
        return session

    async def say(self, session_id: str, name: str, *arguments: Any) -> dict[str, Any]:
        """Send a command; its ack."""
        ack = await self.gateway.command(session_id, name, arguments)
        assert ack is not None
        return ack

    async def is_refused(self, session_id: str, name: str, *arguments: Any) -> dict[str, Any]:
        """Send a command that is refused; the error in its ack."""
        ack = await self.say(session_id, name, *arguments)
        assert ack.keys() == {"ok", "error"}
        assert ack["ok"] is False
        assert ack["error"].keys() == {"code", "message", "retryable"}
        error: dict[str, Any] = ack["error"]
        return error

    def closings_of(self, session_id: str) -> list[Closing]:
        return [closing for closed_id, closing in self.attachment.closed if closed_id == session_id]
