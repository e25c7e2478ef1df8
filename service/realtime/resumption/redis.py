"""Sessions that can be resumed on all pods that share a Redis."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from realtime.redis.batching import Batching
from realtime.redis.calls import Operation, RedisCalls
from realtime.redis.keys import Keys
from realtime.redis.upkeep import Upkeep
from realtime.resumption.base import Refresh, ResumableSession, as_it_is, is_pid
from realtime.settings import RecoverySettings
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

SESSIONS_SCRIPT: Final = files("realtime.resumption").joinpath("sessions.lua").read_text()
# Each session is kept again so often in its lifetime, and lives that much longer than it must.
ROUNDS_PER_LIFETIME: Final = 3
BEAT_SECONDS: Final = 2.0

# A word of the script, and its arguments.
_Words = tuple[str | int | bytes, ...]


class RedisResumableSessions:
    """See `ResumableSessions`."""

    def __init__(self, client: Redis, keys: Keys, recovery: RecoverySettings, pod_id: str, metrics: Metrics) -> None:
        self._calls_to_redis = RedisCalls(metrics)
        self._script = client.register_script(SESSIONS_SCRIPT)
        self._keys = keys
        self._pod_id = pod_id
        round_seconds = recovery.session_seconds / ROUNDS_PER_LIFETIME
        self._lifetime_ms = int((recovery.session_seconds + round_seconds) * 1_000)
        self._kept: dict[str, ResumableSession] = {}
        self._refresh: Refresh = as_it_is
        self._calls = 0  # that Redis has answered
        self._batching = Batching[_Words, Any](self._say)
        self._upkeep = Upkeep(
            beat=lambda: self._batching.ask(("beat",)),
            ids=lambda: list(self._kept),
            tell_again=self._keep_again,
            beat_seconds=min(BEAT_SECONDS, round_seconds),
            round_seconds=round_seconds,
        )

    async def run(self, refresh: Refresh = as_it_is) -> None:
        """See `ResumableSessions.run`."""
        self._refresh = refresh
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batching.run())
            tasks.create_task(self._upkeep.run())

    async def keep(self, pid: str, session: ResumableSession) -> bool:
        """See `ResumableSessions.keep`."""
        here = self._kept.get(pid)
        if here is not None and not session.replaces(here):
            return False
        self._kept[pid] = session
        return self._check(pid, session, await self._batching.ask(_keep(pid, session)))

    async def find(self, pid: str) -> ResumableSession | None:
        """See `ResumableSessions.find`."""
        if not is_pid(pid):
            return None
        text = await self._batching.ask(("find", pid))
        try:
            return ResumableSession.from_json(text) if text else None
        except ValidationError as error:
            # A pod of another version, in a rolling upgrade, must not bring this one down.
            log.warning("unreadable_session", error=str(error))
            return None

    def release(self, pid: str, session_id: str) -> None:
        """See `ResumableSessions.release`."""
        if pid in self._kept and self._kept[pid].session_id == session_id:
            del self._kept[pid]

    def forget(self, pid: str, session_id: str) -> None:
        """See `ResumableSessions.forget`."""
        self.release(pid, session_id)
        if is_pid(pid):
            self._batching.note(("forget", pid, session_id))

    async def _keep_again(self, pids: Sequence[str]) -> None:
        sessions = {pid: self._refresh(self._kept[pid]) for pid in pids if pid in self._kept}
        self._kept |= sessions
        answers = await self._batching.ask_all(_keep(pid, session) for pid, session in sessions.items())
        for (pid, session), answer in zip(sessions.items(), answers, strict=True):
            self._check(pid, session, answer)

    def _check(self, pid: str, session: ResumableSession, answer: int) -> bool:
        if not answer and self._kept.get(pid) is session:
            del self._kept[pid]
        return bool(answer)

    async def _say(self, batch: Sequence[_Words]) -> Sequence[Any]:
        arguments: list[str | int | bytes] = [self._lifetime_ms, self._keys.sessions, self._calls]
        arguments += (word for words in batch for word in words)
        keys = [self._keys.session_keeper(self._pod_id)]
        with self._calls_to_redis.asking(Operation.SESSIONS, "tell of sessions"):
            has_kept_all, self._calls, answers = await self._script(keys=keys, args=arguments)
        if not has_kept_all:
            self._upkeep.forgotten()
        return answers  # type: ignore[no-any-return]


def _keep(pid: str, session: ResumableSession) -> _Words:
    return ("keep", pid, session.moves, session.session_id, session.as_json())
