"""What a directory of pods promises. `memory.py` and `redis.py` keep it; `tests/suites/` holds them to it."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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
