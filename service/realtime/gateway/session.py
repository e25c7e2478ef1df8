"""A session: one connection of one identity."""

from dataclasses import dataclass, field

from realtime.gateway.tokens import Identity
from realtime.limits.bucket import TokenBucket


@dataclass(slots=True, eq=False)
class Session:
    """What a pod knows of one connection. `connected_at_ms` is Unix time in milliseconds."""

    id: str
    identity: Identity
    connected_at_ms: int
    commands: TokenBucket
    rooms: set[str] = field(default_factory=set)
    refused_in_a_row: int = 0

    @property
    def user_id(self) -> str:
        """Whose session it is."""
        return self.identity.user_id
