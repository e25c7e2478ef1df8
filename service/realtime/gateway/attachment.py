"""What the gateway asks of whatever clients are attached by."""

from collections.abc import Mapping
from typing import Any, Protocol

from realtime.protocol.disconnects import Closing


class Attachment(Protocol):
    """How the sessions of this pod are reached; `transports/` holds the implementations."""

    async def join(self, session_id: str, room: str) -> None:
        """Return once the session receives all that is published into the room from now on.

        Raises `RedisUnavailable`.
        """
        ...

    async def leave(self, session_id: str, room: str) -> None:
        """Take the session out of the room."""
        ...

    async def send(self, session_id: str, name: str, data: Mapping[str, Any]) -> None:
        """Send to one session of this pod, in order with what its rooms bring."""
        ...

    async def close(self, session_id: str, closing: Closing) -> None:
        """Tell the session why, and close it. It may come back at once if the reason is retryable."""
        ...

    def transport(self, session_id: str) -> str:
        """What the session comes over now: `polling` or `websocket`."""
        ...
