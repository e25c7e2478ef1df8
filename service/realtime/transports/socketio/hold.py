"""What a session's rooms say while it is still being told what it missed before."""

from collections import deque
from collections.abc import Collection
from typing import Final

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor

# Of one session. What is kept is shared by all who wait for it.
MAX_HELD: Final = 10_000


class Hold:
    """Keeps deliveries in their order, each with the cursor of who has been told it.

    Of more than `MAX_HELD` it keeps none: then the session must come back instead.
    """

    __slots__ = ("has_overflown", "kept")

    def __init__(self) -> None:
        self.kept: deque[tuple[Delivery, str]] = deque()
        self.has_overflown = False

    def keep(self, delivery: Delivery, cursor: str) -> None:
        """Keep a delivery."""
        if len(self.kept) >= MAX_HELD:
            self.has_overflown = True
            self.kept.clear()
        if not self.has_overflown:
            self.kept.append((delivery, cursor))

    def drop_told(self, rooms: Collection[str], up_to: Cursor) -> None:
        """Drop what is known otherwise: all that was published into the rooms up to a cursor."""
        offsets = {place.epoch: place.offset for place in up_to}
        self.kept = deque(
            (delivery, cursor)
            for delivery, cursor in self.kept
            if delivery.room not in rooms or delivery.offset > offsets.get(delivery.epoch, -1)
        )
