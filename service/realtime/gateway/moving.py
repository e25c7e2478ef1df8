"""A pod that leaves moves its sessions to the others, in waves: no storm breaks over those who stay."""

import asyncio
import contextlib
import math
import random
from collections.abc import Sequence
from typing import Final

import structlog

from realtime.gateway.attachment import Attachment
from realtime.gateway.hearing import Hearing
from realtime.gateway.session import Session
from realtime.gateway.sessions import Sessions
from realtime.protocol.disconnects import SERVER_DRAINING
from realtime.settings import DrainSettings
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# A client that does not answer the end of its websocket is given so long; see `engineio.hub.GOODBYE_SECONDS`.
LAST_WAVE_SECONDS: Final = 5.0


class Moving:
    """Sends sessions away: each wave is told `server:draining`, and one interval later it is closed."""

    def __init__(
        self,
        sessions: Sessions,
        attachment: Attachment,
        hearing: Hearing,
        settings: DrainSettings,
        metrics: Metrics,
    ) -> None:
        self._sessions = sessions
        self._attachment = attachment
        self._hearing = hearing
        self._settings = settings
        self._metrics = metrics
        self._in_a_hurry = asyncio.Event()

    def hurry(self) -> None:
        """Wait for nothing any more: what has not left yet leaves as one wave."""
        self._in_a_hurry.set()

    async def pause(self, seconds: float) -> None:
        """Wait, unless in a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._in_a_hurry.wait()

    async def move_all(self, within_seconds: float) -> None:
        """Take nobody in, send everybody away, and return when they have gone.

        Waves are larger than `drain.wave_sockets` where so small ones would not all leave `within_seconds`.
        """
        self._sessions.is_draining = True
        leaving = list(self._sessions)
        random.shuffle(leaving)  # those who came together do not leave together
        self._metrics.draining_sessions.set(len(leaving))
        size = self._wave_size(len(leaving), within_seconds)
        while leaving:
            if self._in_a_hurry.is_set():
                size = len(leaving)
            wave, leaving = leaving[:size], leaving[size:]
            await self._move(wave)
            self._metrics.draining_sessions.set(len(leaving))
            self._metrics.drain_waves.inc()
            log.info("wave_moved", sessions=len(wave), left=len(leaving))
        await self._sessions.until_empty()

    def _wave_size(self, sessions: int, within_seconds: float) -> int:
        wanted = self._settings.wave_sockets
        waves = max(1, math.floor((within_seconds - LAST_WAVE_SECONDS) / self._settings.wave_interval_seconds))
        needed = math.ceil(sessions / waves)
        if needed > wanted:
            log.warning("waves_enlarged", wave_sockets=needed, wanted=wanted, help="Or raise drain.grace_seconds.")
        return max(wanted, needed)

    async def _move(self, wave: Sequence[Session]) -> None:
        for session in wave:
            # When each comes back is spread, for clients that go by it.
            delay_ms = random.randint(0, self._settings.retry_after_ms)  # noqa: S311 - jitter, not a secret
            await self._attachment.send(session.id, "server:draining", {"retryAfterMs": delay_ms})
            self._hearing.ask(session)
        await self.pause(self._settings.wave_interval_seconds)
        for session in wave:
            await self._attachment.close(session.id, SERVER_DRAINING)
