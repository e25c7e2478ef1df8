"""What a session's rooms say while it is still being told what it missed before."""

from collections import deque
from collections.abc import Collection
from typing import Final, NamedTuple

from realtime.broker.base import Delivery
from realtime.broker.place import Cursor

# Of one session. What is kept is shared by all who wait for it.
MAX_HELD: Final = 10_000


class Held(NamedTuple):
    """A delivery, and the cursor of who has been told it."""

    delivery: Delivery
    cursor: str


class Hold:
    """Keeps deliveries in their order; of a message that went to several of a session's rooms, each.

    Of more than `MAX_HELD` it keeps none: then the session must come back instead.
    """

    __slots__ = ("_told", "has_overflown", "kept")

    def __init__(self) -> None:
        self.kept: deque[Held] = deque()
        self.has_overflown = False
        self._told: set[tuple[str, int]] = set()

    def keep(self, held: Held) -> None:
        """Keep a delivery."""
        if len(self.kept) >= MAX_HELD:
            self.has_overflown = True
            self.kept.clear()
        if not self.has_overflown:
            self.kept.append(held)

    def drop(self, told: Collection[Delivery], rooms: Collection[str], up_to: Cursor) -> None:
        """Drop what is known otherwise: messages that were `told`, and all that came to the rooms up to a cursor."""
        offsets = {place.epoch: place.offset for place in up_to}
        self._told.update((delivery.epoch, delivery.offset) for delivery in told)
        self.kept = deque(
            held
            for held in self.kept
            if held.delivery.room not in rooms or held.delivery.offset > offsets.get(held.delivery.epoch, -1)
        )

    def take(self, count: int, rooms: Collection[str]) -> list[Held]:
        """Take the next ones of these rooms, each message once."""
        taken: list[Held] = []
        while self.kept and len(taken) < count:
            held = self.kept.popleft()
            message = (held.delivery.epoch, held.delivery.offset)
            if held.delivery.room in rooms and message not in self._told:
                self._told.add(message)
                taken.append(held)
        return taken
