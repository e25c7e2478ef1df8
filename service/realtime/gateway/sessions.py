"""All sessions of this pod, and how many it takes."""

import asyncio
import heapq
from collections.abc import Iterator
from typing import Final

from realtime.errors import Draining, LimitExceeded
from realtime.gateway.session import Session
from realtime.settings import LimitSettings

# Expiries of sessions that are gone, or have a newer token, that may be kept beside as many as there are sessions.
MAX_STALE_EXPIRIES: Final = 1_000


class Sessions:
    """Finds sessions by id and by user, and knows whose token expires next."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._by_id: dict[str, Session] = {}
        self._by_user: dict[str, dict[str, Session]] = {}
        self._expiries: list[tuple[float, str]] = []
        self.is_draining = False
        self._changed = asyncio.Event()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def user_count(self) -> int:
        """Users who have a session here."""
        return len(self._by_user)

    def get(self, session_id: str) -> Session | None:
        """Find a session."""
        return self._by_id.get(session_id)

    def of_user(self, user_id: str) -> list[Session]:
        """A user's sessions, the oldest first."""
        return list(self._by_user.get(user_id, {}).values())

    def admit(self, session: Session, pid: str | None = None) -> None:
        """Take a session in. Raises `Draining` or `LimitExceeded`.

        `pid`: of the session that it comes back to; that one does not count, its connection is about to be closed.
        """
        if self.is_draining:
            raise Draining("This server is leaving; come back to another one.")
        if len(self._by_id) >= self._limits.sessions_per_pod:
            raise LimitExceeded("This server holds as many sessions as it may.")
        others = self._by_user.get(session.user_id, {}).values()
        if sum(other.pid is None or other.pid != pid for other in others) >= self._limits.sessions_per_user:
            raise LimitExceeded(f"A user may have {self._limits.sessions_per_user} sessions here.")
        self._by_id[session.id] = session
        self._by_user.setdefault(session.user_id, {})[session.id] = session
        self.watch_expiry(session)

    def remove(self, session_id: str) -> Session | None:
        """Let a session go."""
        session = self._by_id.pop(session_id, None)
        if session is not None:
            of_user = self._by_user[session.user_id]
            del of_user[session_id]
            if not of_user:
                del self._by_user[session.user_id]
            self._changed.set()
        return session

    async def until_empty(self) -> None:
        """Wait until the last session has gone."""
        while self._by_id:
            self._changed.clear()
            await self._changed.wait()

    def watch_expiry(self, session: Session) -> None:
        """Note when a session's token expires; call it again when the token is refreshed."""
        heapq.heappush(self._expiries, (session.identity.expires_at, session.id))
        if len(self._expiries) > 2 * len(self._by_id) + MAX_STALE_EXPIRIES:
            self._expiries = [(s.identity.expires_at, s.id) for s in self._by_id.values()]
            heapq.heapify(self._expiries)

    def expired(self, now_seconds: float) -> list[Session]:
        """Sessions whose token has expired by `now_seconds` (Unix time), each once."""
        found: dict[str, Session] = {}
        while self._expiries and self._expiries[0][0] <= now_seconds:
            _, session_id = heapq.heappop(self._expiries)
            session = self._by_id.get(session_id)
            # A refreshed token has an entry of its own, further back.
            if session is not None and session.identity.expires_at <= now_seconds:
                found[session_id] = session
        return list(found.values())
