"""What is promised of pods, and of users' devices on all pods.

`memory.py` and `redis.py` keep a directory of pods, `memory_devices.py` and `redis_devices.py` the presence of devices;
`tests/suites/` holds them to it.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from realtime.broker.place import Place


class PodReport(BaseModel):
    """What a pod tells about itself; camelCase on the wire. `sockets_by_transport` counts sessions."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)

    pod_id: str
    name: str
    roles: tuple[str, ...]
    connections: int
    users: int
    rooms: int
    sockets_by_transport: dict[str, int]
    assigned_partitions: int
    is_draining: bool
    reported_at: str


class PodDirectory(Protocol):
    """Which pods there are now.

    A pod is there for as long as it reports; one that falls silent is gone after its lease, by the directory's clock.
    All methods raise `RedisUnavailable` when the directory cannot be reached.
    """

    async def report(self, report: PodReport, lease_seconds: float) -> None:
        """Say that the pod is there, and will be for `lease_seconds`."""
        ...

    async def leave(self, pod_id: str) -> None:
        """Say that the pod is there no longer."""
        ...

    async def pods(self) -> Sequence[PodReport]:
        """All pods that are there, by name."""
        ...


class Device(BaseModel):
    """One connection of a user; camelCase on the wire. `device_id` is its session's id, `connected_at` for people."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)

    device_id: str
    user_id: str
    pod_id: str
    transport: str
    connected_at: str


class Arrival(NamedTuple):
    """What a device finds when it arrives.

    `devices` counts the user's, with this one. When `was_away`, what the user has missed is this device's to receive,
    and nobody else's: all that came behind `away_since`; None there: the user was never seen, or too long ago.
    """

    devices: int
    was_away: bool
    away_since: Place | None = None


class Presence(Protocol):
    """Which devices each user has, on all pods, and how far an absent user has been told.

    Lease: a device is there for as long as its pod keeps its lease, by one clock for all pods (Redis's). One whose pod
    falls silent is gone for everybody, within `lease_seconds`; one that its pod still holds when Redis has forgotten
    it, or when a lease had ended, is announced again within seconds. Until then the user may be taken for absent, and a
    further device is given what another one has received.
    Loss: an absent user has been told as far as the furthest of the devices that went: as `leave` says, or, of a dead
    pod, as far as that pod had told with its last lease. What a device was to receive and had not (it went before it
    was settled, or its pod died) is owed, and the next device to arrive is given it. So a place may lie too far back;
    too far ahead only for what a dead pod had written to a client that had fallen silent before.
    Atomic: of several devices that arrive at once, exactly one finds that the user was away.
    Memory: a user is forgotten when nobody arrived, left or stayed for twice `history.retention_seconds`.
    """

    async def run(self) -> None:
        """Keep this pod's lease, and send what is noted, until cancelled. Redis need not be there.

        Who arrives before this runs waits for it.
        """
        ...

    async def close(self) -> None:
        """Send what is noted, if Redis is there, and end the lease, after `run` has ended. Does not raise."""
        ...

    async def arrive(self, device: Device) -> Arrival:
        """Take a device in, which must hear its rooms already: nobody else hears for it what comes from now on.

        Raises `RedisUnavailable`. An arrival that raises, or is cancelled, has not happened, or is taken back.
        """
        ...

    def settle(self, device_id: str) -> None:
        """Note that what the user had missed has been written to this device; others do not matter."""
        ...

    def leave(self, device_id: str, told: Place | None) -> None:
        """Note that a device is gone, and that messages up to `told` were written to it; None: none were.

        Does not wait: it is sent, with others, as soon as Redis is there. Unknown devices do not matter.
        """
        ...

    async def devices(self, user_id: str) -> Sequence[Device]:
        """A user's devices, the oldest first. Raises `RedisUnavailable`."""
        ...
