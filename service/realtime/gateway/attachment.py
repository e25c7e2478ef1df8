"""What the gateway asks of whatever clients are attached by."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor, Places
from realtime.protocol.disconnects import Closing

# Entered while a client is waited for, each time anew.
WhileWaiting = Callable[[], AbstractAsyncContextManager[None]]


class Attachment(Protocol):
    """How the sessions of this pod are reached; `transports/` holds the implementations."""

    async def join(self, session_id: str, rooms: Collection[str]) -> None:
        """Return once the session receives all that is published into the rooms from now on.

        All of them or, at an error, none. Raises `RedisUnavailable`.
        """
        ...

    async def leave(self, session_id: str, room: str) -> None:
        """Take the session out of the room."""
        ...

    def hold(self, session_id: str) -> None:
        """Keep for the session what its rooms bring, from now on, until `release`."""
        ...

    async def deliver(
        self, session_id: str, deliveries: Sequence[Delivery], places: Places, while_waiting: WhileWaiting
    ) -> bool:
        """Send messages to one session, in this order, no faster than its client takes them.

        A client that may come back is told each message's place, as `places` counts them. False: it has gone meanwhile.
        """
        ...

    async def release(
        self,
        session_id: str,
        told: Collection[Delivery],
        told_rooms: Collection[str],
        up_to: Cursor,
        while_waiting: WhileWaiting,
    ) -> bool:
        """Send what was kept, and let the session hear its rooms.

        Of what was kept, it is not sent what was `told`, nor what `told_rooms` brought up to a cursor, nor what came
        to rooms that it is not in any more. False: it has gone meanwhile, or was sent away because too much was kept.
        """
        ...

    def when_heard(self, session_id: str, then: Callable[[], None]) -> None:
        """Call back once its client shows that it has heard all that was sent so far; never, if it goes before."""
        ...

    def is_there(self, session_id: str) -> bool:
        """Whether the session's client is on this pod, and has not gone, as far as is known."""
        ...

    async def supersede(self, session_id: str) -> None:
        """Close a session, on whatever pod it is, if it still is: its client has come back as another one."""
        ...

    async def send(self, session_id: str, name: str, data: Mapping[str, Any], place: str | None = None) -> None:
        """Send to one session of this pod at once. With a place if it has one, and the client may come back."""
        ...

    async def close(self, session_id: str, closing: Closing) -> None:
        """Tell the session why, and close it. It may come back at once if the reason is retryable."""
        ...

    def transport(self, session_id: str) -> str:
        """What the session comes over now: `polling` or `websocket`."""
        ...
