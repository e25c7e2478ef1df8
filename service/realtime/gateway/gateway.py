"""A connection's way, in one place; how clients are attached does not matter here."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from pydantic import ValidationError

from realtime.broker.base import Broker
from realtime.clock import Clock, iso_utc
from realtime.errors import (
    DependencyError,
    Draining,
    InvalidCommand,
    LimitExceeded,
    RateLimited,
    RealtimeError,
    RedisUnavailable,
    TokenExpired,
    TooManyForNow,
    Unauthenticated,
)
from realtime.gateway.attachment import Attachment
from realtime.gateway.commands import Answer, Commands
from realtime.gateway.hearing import Hearing
from realtime.gateway.recovery import Recovery
from realtime.gateway.returning import Return
from realtime.gateway.session import Session
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.limits.bucket import TokenBucket
from realtime.protocol.commands import COMMANDS, Command
from realtime.protocol.disconnects import TOKEN_EXPIRED, TOO_MANY_COMMANDS
from realtime.resilience.breaker import Breaker, State
from realtime.resumption.base import ResumableSession
from realtime.settings import AuthSettings, LimitSettings, SocketSettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# Nothing is ever published of it; to ask for it is how to see whether Redis is there.
NO_PARTITION: Final = ("none", 0)
EXPIRY_CHECK_SECONDS: Final = 1.0
MAX_PROBLEMS_TOLD: Final = 3
# A problem may quote a field's name, which is the client's own and as long as the client likes.
MAX_REFUSAL_CHARACTERS: Final = 500


class Gateway:
    """Takes clients from connect to disconnect. Every answer to a client is decided here."""

    def __init__(
        self,
        attachment: Attachment,
        broker: Broker,
        redis: Breaker,
        recovery: Recovery,
        hearing: Hearing,
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
        self._broker = broker
        self._redis = redis
        self._sessions = sessions
        self._verifier = verifier
        self._recovery = recovery
        self._hearing = hearing
        self._commands = Commands(attachment, broker, recovery, verifier, stats, limits)
        self._limits = limits
        self._join_timeout_seconds = sockets.join_timeout_seconds
        self._leeway_seconds = auth.leeway_seconds
        self._clock = clock
        self._metrics = metrics
        refusals = (
            Unauthenticated,
            TokenExpired,
            LimitExceeded,
            TooManyForNow,
            Draining,
            RedisUnavailable,
            RealtimeError,
        )
        start_at_zero(metrics.connects, ["accepted", *(error.code for error in refusals)])
        mishaps = (InvalidCommand, RateLimited, RedisUnavailable, RealtimeError)
        start_at_zero(metrics.commands, [*COMMANDS, "unknown"], ["ok", *(error.code for error in mishaps)])

    async def connect(self, session_id: str, credentials: Credentials, returning: Return) -> Session:
        """Authenticate, admit, and find out what was missed.

        Raises `ClientError`, which the client is told, or `Draining`, `DependencyError` or `TooManyForNow`: then it
        should come back.
        """
        try:
            session = self._admit(session_id, credentials, returning)
            await self._recovery.wait_for_turn(session, returning)
            try:
                # That a pod is slow says nothing of Redis, so the time limit is outside.
                async with asyncio.timeout(self._join_timeout_seconds):
                    if self._redis.state is not State.CLOSED:
                        # A probe that tells at once: to join rooms also waits for the pod's own connection.
                        await self._redis.call(lambda: self._broker.positions([NO_PARTITION]))
                    # While Redis is away newcomers are sent to try again at once: thousands do not wait for it.
                    await self._redis.call(lambda: self._recovery.prepare(session, returning))
            except TimeoutError:
                raise RedisUnavailable("a client's rooms could not be joined in time") from None
        except BaseException as error:
            if (refused := self._sessions.remove(session_id)) is not None:
                self._recovery.end_turn(refused)
            if isinstance(error, Exception):
                self._metrics.connects.labels(error.code if isinstance(error, RealtimeError) else "internal").inc()
            raise
        self._metrics.connects.labels("accepted").inc()
        return session

    def _admit(self, session_id: str, credentials: Credentials, returning: Return) -> Session:
        identity = self._verifier.identify(credentials)
        bucket = TokenBucket(
            self._limits.commands_per_second, self._limits.commands_burst, self._clock.monotonic_seconds()
        )
        session = Session(session_id, identity, self._clock.wall_ms(), bucket)
        self._sessions.admit(session, returning.pid)
        return session

    async def welcome(self, session_id: str) -> None:
        """Say what the session begins with, and what it missed. The client has been told that it is connected."""
        session = self._sessions.get(session_id)
        if session is None or session.catch_up is None:
            return
        catch_up = session.catch_up
        welcome = {
            "userId": session.user_id,
            "socketId": session.id,
            "rooms": sorted(session.rooms),
            "recovered": session.recovered,
            "missed": len(catch_up.missed),
            "offset": str(catch_up.up_to),
            "serverTime": iso_utc(self._clock.wall_ms()),
        }
        if catch_up.has_more:
            welcome["hasMore"] = True
        if catch_up.reason is not None:
            welcome["reason"] = catch_up.reason
        await self._attachment.send(session_id, "connection:success", welcome, str(catch_up.start))
        await self._recovery.tell(session)

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
        except Exception:
            self._metrics.commands.labels(label, RealtimeError.code).inc()
            raise
        finally:
            await self._recovery.tell(session)
        self._metrics.commands.labels(label, "ok").inc()
        return {"ok": True, **answer}

    def disconnected(self, session_id: str, reason: str) -> None:
        """Forget a session; its rooms forget it where clients are attached."""
        session = self._sessions.remove(session_id)
        if session is not None:
            self._recovery.ended(session, reason)
            self._metrics.disconnects.labels(reason).inc()

    def refresh(self, kept: ResumableSession) -> ResumableSession:
        """What has become of a session that its client may come back to: how far that has heard by now."""
        session = self._sessions.get(kept.session_id)
        if session is None:
            return kept
        self._hearing.note_all(session)
        return replace(kept, heard=tuple(session.heard_of_all))

    async def close_expired(self) -> None:
        """Close each session when its token expires. Runs until cancelled."""
        asked: list[Session] = []
        while True:
            await asyncio.sleep(EXPIRY_CHECK_SECONDS)
            now_seconds = self._clock.wall_ms() / 1_000 - self._leeway_seconds
            for session in asked:
                # It may have gone meanwhile, or have a newer token.
                if self._sessions.get(session.id) is session and session.identity.expires_at <= now_seconds:
                    await self._attachment.close(session.id, TOKEN_EXPIRED)
            asked = self._sessions.expired(now_seconds)
            for session in asked:
                self._hearing.ask(session)

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
