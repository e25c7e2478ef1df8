"""What is told of sessions: to admins of the whole cluster, to others of their own."""

from collections import Counter
from typing import Any

from realtime.clock import Clock, iso_utc
from realtime.gateway.attachment import Attachment
from realtime.gateway.sessions import Sessions
from realtime.presence.base import PodDirectory, PodReport, Presence


class Stats:
    """Counts this pod's sessions, and reads what the other pods have told of theirs."""

    def __init__(
        self, sessions: Sessions, attachment: Attachment, directory: PodDirectory, presence: Presence, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._attachment = attachment
        self._directory = directory
        self._presence = presence
        self._clock = clock

    async def of_cluster(self) -> dict[str, Any]:
        """All pods, and their sum. Raises `RedisUnavailable`."""
        pods = await self._directory.pods()
        return {
            "connections": sum(pod.connections for pod in pods),
            "pods": [pod.model_dump(by_alias=True) for pod in pods],
            "serverTime": iso_utc(self._clock.wall_ms()),
        }

    async def of_devices(self, user_id: str) -> dict[str, Any]:
        """A user's devices on all pods, the oldest first. Raises `RedisUnavailable`."""
        devices = await self._presence.devices(user_id)
        return {
            "userId": user_id,
            "connections": len(devices),
            "devices": [device.model_dump(by_alias=True, exclude={"user_id"}) for device in devices],
            "serverTime": iso_utc(self._clock.wall_ms()),
        }

    def of_user(self, user_id: str) -> dict[str, Any]:
        """A user's sessions on this pod."""
        sessions = [
            {
                "socketId": session.id,
                "transport": self._attachment.transport(session.id),
                "connectedAt": iso_utc(session.connected_at_ms),
                "rooms": sorted(session.rooms),
            }
            for session in self._sessions.of_user(user_id)
        ]
        return {
            "connections": len(sessions),
            "sessions": sessions,
            "serverTime": iso_utc(self._clock.wall_ms()),
        }

    def sockets_by_transport(self) -> dict[str, int]:
        """This pod's sessions, counted by what they come over now."""
        return Counter(self._attachment.transport(session.id) for session in self._sessions)

    def report(self, pod_id: str, name: str, roles: tuple[str, ...], assigned_partitions: int) -> PodReport:
        """What this pod tells of itself."""
        sessions = list(self._sessions)
        return PodReport(
            pod_id=pod_id,
            name=name,
            roles=roles,
            connections=len(sessions),
            users=self._sessions.user_count,
            rooms=len({room for session in sessions for room in session.rooms}),
            sockets_by_transport=self.sockets_by_transport(),
            assigned_partitions=assigned_partitions,
            is_draining=self._sessions.is_draining,
            reported_at=iso_utc(self._clock.wall_ms()),
        )
