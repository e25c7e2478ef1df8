"""Sessions that can be resumed on the pods of one process."""

import asyncio
import math
from dataclasses import dataclass

from realtime.clock import Clock, SystemClock
from realtime.resumption.base import Refresh, ResumableSession, as_it_is, is_pid
from realtime.settings import RecoverySettings


@dataclass(slots=True, eq=False)
class _Record:
    """What is kept, until when (the clock's monotonic seconds; infinite while it is connected)."""

    session: ResumableSession
    until: float = math.inf


class MemorySessionHub:
    """What the pods of one process have in common; stands where Redis stands."""

    def __init__(self, recovery: RecoverySettings, clock: Clock | None = None) -> None:
        self.session_seconds = recovery.session_seconds
        self.clock = clock or SystemClock()
        self.records: dict[str, _Record] = {}
        self.refresh: list[Refresh] = []

    def find(self, pid: str) -> _Record | None:
        """Find what has not expired."""
        record = self.records.get(pid)
        return record if record is not None and record.until > self.clock.monotonic_seconds() else None


class MemoryResumableSessions:
    """See `ResumableSessions`. When `run` ends, all that was kept here is released."""

    def __init__(self, hub: MemorySessionHub) -> None:
        self._hub = hub
        self._kept: dict[str, _Record] = {}

    async def run(self, refresh: Refresh = as_it_is) -> None:
        """See `ResumableSessions.run`."""
        self._hub.refresh.append(refresh)
        try:
            await asyncio.Event().wait()
        finally:
            self._hub.refresh.remove(refresh)
            for pid, record in list(self._kept.items()):
                self.release(pid, record.session.session_id)

    async def keep(self, pid: str, session: ResumableSession) -> bool:
        """See `ResumableSessions.keep`."""
        held = self._hub.find(pid)
        if held is not None and not session.replaces(held.session):
            self.release(pid, session.session_id)
            return False
        self._hub.records[pid] = self._kept[pid] = _Record(session)
        return True

    async def find(self, pid: str) -> ResumableSession | None:
        """See `ResumableSessions.find`."""
        record = self._hub.find(pid) if is_pid(pid) else None
        if record is None:
            return None
        if record.until == math.inf:
            for refresh in self._hub.refresh:
                record.session = refresh(record.session)
        return record.session

    def release(self, pid: str, session_id: str) -> None:
        """See `ResumableSessions.release`."""
        record = self._kept.get(pid)
        if record is not None and record.session.session_id == session_id:
            record.until = self._hub.clock.monotonic_seconds() + self._hub.session_seconds
            del self._kept[pid]

    def forget(self, pid: str, session_id: str) -> None:
        """See `ResumableSessions.forget`."""
        self.release(pid, session_id)
        record = self._hub.records.get(pid)
        if record is not None and record.session.session_id == session_id:
            del self._hub.records[pid]
