"""A directory of the pods of one process."""

from collections.abc import Sequence

from realtime.clock import Clock, SystemClock
from realtime.presence.base import PodReport


class MemoryPodDirectory:
    """See `PodDirectory`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._reports: dict[str, tuple[float, PodReport]] = {}

    async def report(self, report: PodReport, lease_seconds: float) -> None:
        """See `PodDirectory.report`."""
        self._reports[report.pod_id] = (self._clock.monotonic_seconds() + lease_seconds, report)

    async def leave(self, pod_id: str) -> None:
        """See `PodDirectory.leave`."""
        self._reports.pop(pod_id, None)

    async def pods(self) -> Sequence[PodReport]:
        """See `PodDirectory.pods`."""
        now = self._clock.monotonic_seconds()
        return sorted((r for until, r in self._reports.values() if until > now), key=lambda report: report.name)
