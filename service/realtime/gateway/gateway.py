"""A connection's way, in one place; how clients are attached does not matter here."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from pydantic import ValidationError

from realtime.clock import Clock, iso_utc
from realtime.errors import DependencyError, InvalidCommand, RateLimited, RealtimeError, RedisUnavailable
from realtime.gateway.attachment import Attachment
from realtime.gateway.commands import Answer, Commands
from realtime.gateway.session import Session
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.limits.bucket import TokenBucket
from realtime.protocol.commands import COMMANDS, Command
from realtime.protocol.disconnects import TOKEN_EXPIRED, TOO_MANY_COMMANDS, TRY_AGAIN
from realtime.protocol.rooms import user_room
from realtime.settings import AuthSettings, LimitSettings, SocketSettings
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

EXPIRY_CHECK_SECONDS: Final = 1.0
MAX_PROBLEMS_TOLD: Final = 3
# A problem may quote a field's name, which is the client's own and as long as the client likes.
MAX_REFUSAL_CHARACTERS: Final = 500


class Gateway:
    """Takes clients from connect to disconnect. Every answer to a client is decided here."""

    def __init__(
        self,
        attachment: Attachment,
        sessions: Sessions,
        stats: Stats,
        verifier: TokenVerifier,
        limits: LimitSettings,
        sockets: SocketSettings,
        auth: AuthSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._attachment = attachment
        self._sessions = sessions
        self._verifier = verifier
        self._commands = Commands(attachment, verifier, stats, limits)
        self._limits = limits
        self._join_timeout_seconds = sockets.join_timeout_seconds
        self._leeway_seconds = auth.leeway_seconds
        self._clock = clock
        self._metrics = metrics

    def connect(self, session_id: str, credentials: Credentials) -> Session:
        """Authenticate and admit. Raises `ClientError` or `Draining`, which the client is told."""
        try:
            identity = self._verifier.identify(credentials)
            bucket = TokenBucket(
                self._limits.commands_per_second, self._limits.commands_burst, self._clock.monotonic_seconds()
            )
            session = Session(session_id, identity, self._clock.wall_ms(), bucket)
            self._sessions.admit(session)
        except RealtimeError as error:
            self._metrics.connects.labels(error.code).inc()
            raise
        self._metrics.connects.labels("accepted").inc()
        return session

    async def welcome(self, session_id: str) -> None:
        """Join the session's own room, and say so. The client has been told that it is connected."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        try:
            async with asyncio.timeout(self._join_timeout_seconds):
                await self._commands.join(session, [user_room(session.user_id)])
        except (DependencyError, TimeoutError) as error:
            log.warning("welcome_failed", error=repr(error))
            await self._attachment.close(session_id, TRY_AGAIN)
            return
        await self._attachment.send(
            session_id,
            "connection:success",
            {
                "userId": session.user_id,
                "socketId": session.id,
                "rooms": sorted(session.rooms),
                "recovered": False,
                "serverTime": iso_utc(self._clock.wall_ms()),
            },
        )

    async def command(self, session_id: str, name: str, arguments: tuple[Any, ...]) -> Answer | None:
        """Carry out a command, and return its ack; None for a session that has just gone."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        label = name if name in COMMANDS else "unknown"
        try:
            await self._slow_down(session)
            command = parse_command(name, arguments)
            async with asyncio.timeout(self._join_timeout_seconds):
                answer = await self._commands.carry_out(session, name, command)
            if name == "auth:refresh":
                self._sessions.watch_expiry(session)
        except RealtimeError as error:
            self._metrics.commands.labels(label, error.code).inc()
            return refusal(error)
        except TimeoutError:
            self._metrics.commands.labels(label, RedisUnavailable.code).inc()
            return refusal(RedisUnavailable("This takes too long; try again."))
        self._metrics.commands.labels(label, "ok").inc()
        return {"ok": True, **answer}

    def disconnected(self, session_id: str, reason: str) -> None:
        """Forget a session; its rooms forget it where clients are attached."""
        if self._sessions.remove(session_id) is not None:
            self._metrics.disconnects.labels(reason).inc()

    async def close_expired(self) -> None:
        """Close each session when its token expires. Runs until cancelled."""
        while True:
            await asyncio.sleep(EXPIRY_CHECK_SECONDS)
            for session in self._sessions.expired(self._clock.wall_ms() / 1_000 - self._leeway_seconds):
                await self._attachment.close(session.id, TOKEN_EXPIRED)

    async def _slow_down(self, session: Session) -> None:
        if session.commands.take(self._clock.monotonic_seconds()):
            session.refused_in_a_row = 0
            return
        session.refused_in_a_row += 1
        if session.refused_in_a_row == self._limits.refused_commands_max:
            await self._attachment.close(session.id, TOO_MANY_COMMANDS)
        raise RateLimited(f"At most {self._limits.commands_per_second:g} commands a second.")


def parse_command(name: str, arguments: tuple[Any, ...]) -> Command:
    """Validate a command: a known name, and one JSON object or nothing. Raises `InvalidCommand`."""
    model = COMMANDS.get(name)
    if model is None:
        raise InvalidCommand(f"Unknown command; known are {', '.join(sorted(COMMANDS))}.")
    payload = arguments[0] if arguments else None
    if len(arguments) > 1 or not isinstance(payload, dict | None):
        raise InvalidCommand("A command takes one object, or nothing.")
    try:
        return model.model_validate({} if payload is None else payload)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, e['loc'])) or 'the payload'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidCommand("; ".join(problems[:MAX_PROBLEMS_TOLD])[:MAX_REFUSAL_CHARACTERS]) from None


def refusal(error: RealtimeError) -> dict[str, Any]:
    """What an ack says when a command is refused."""
    return {"ok": False, "error": describe(error)}


def describe(error: RealtimeError) -> Mapping[str, Any]:
    """An error in the client's words."""
    # What exactly is the matter with Redis is for operators.
    message = "The service is busy mending itself; try again." if isinstance(error, DependencyError) else str(error)
    return {"code": error.code, "message": message, "retryable": error.retryable}
