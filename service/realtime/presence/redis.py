"""A directory of all pods that share a Redis."""

from collections.abc import Sequence

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from realtime.presence.base import PodReport
from realtime.redis.calls import Operation, RedisCalls
from realtime.redis.keys import Keys
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class RedisPodDirectory:
    """See `PodDirectory`. A key with a lifetime for each pod, and a set of their ids to find them by."""

    def __init__(self, client: Redis, keys: Keys, metrics: Metrics) -> None:
        self._client = client
        self._calls = RedisCalls(metrics)
        self._keys = keys

    async def report(self, report: PodReport, lease_seconds: float) -> None:
        """See `PodDirectory.report`."""
        with self._calls.asking(Operation.PODS, "report this pod"):
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.set(
                    self._keys.pod_report(report.pod_id),
                    report.model_dump_json(by_alias=True),
                    px=int(lease_seconds * 1_000),
                )
                pipeline.sadd(self._keys.pod_ids, report.pod_id)
                await pipeline.execute()

    async def leave(self, pod_id: str) -> None:
        """See `PodDirectory.leave`."""
        with self._calls.asking(Operation.PODS, "sign this pod off"):
            await self._client.delete(self._keys.pod_report(pod_id))
            await self._client.srem(self._keys.pod_ids, pod_id)

    async def pods(self) -> Sequence[PodReport]:
        """See `PodDirectory.pods`."""
        with self._calls.asking(Operation.PODS, "list pods"):
            members: set[bytes] = await self._client.smembers(self._keys.pod_ids)  # type: ignore[assignment]
            pod_ids = [member.decode() for member in members]
            if not pod_ids:
                return []
            texts = await self._client.mget([self._keys.pod_report(pod_id) for pod_id in pod_ids])
            gone = [pod_id for pod_id, text in zip(pod_ids, texts, strict=True) if text is None]
            if gone:
                await self._client.srem(self._keys.pod_ids, *gone)
        reports = [report for text in texts if text is not None and (report := _read(text)) is not None]
        return sorted(reports, key=lambda report: report.name)


def _read(text: bytes | str) -> PodReport | None:
    try:
        return PodReport.model_validate_json(text)
    except ValidationError as error:
        # A pod of another version, in a rolling upgrade, must not bring this one down.
        log.warning("unreadable_pod_report", error=str(error))
        return None
