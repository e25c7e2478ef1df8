"""One timer for all connections' deadlines."""

import asyncio
import math
from typing import Protocol


class Item(Protocol):
    """What may have a deadline: one at a time."""

    wheel_slot: "set[Item] | None"

    def on_due(self) -> None:
        """The deadline has come."""
        ...


class Wheel:
    """Deadlines for many items at the cost of a set's entry each; ticks only while there are any.

    An item is told at its deadline or up to two ticks later, never before. When the event loop was held up, items are
    given one more tick, in which what has come from the network meanwhile is read: a pod that stood still must not
    take its clients for dead.
    """

    def __init__(self, tick_seconds: float, longest_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._slots: list[set[Item]] = [set() for _ in range(math.ceil(longest_seconds / tick_seconds) + 2)]
        self._at = 0
        self._items = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_turn = 0.0
        self._was_held_up = False

    def arm(self, item: Item, seconds: float) -> None:
        """Give an item a deadline, in place of the one it has."""
        self.disarm(item)
        ticks = min(1 + math.ceil(seconds / self._tick_seconds), len(self._slots) - 1)
        slot = self._slots[(self._at + ticks) % len(self._slots)]
        slot.add(item)
        item.wheel_slot = slot
        self._items += 1
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_turn = loop.time() + self._tick_seconds
            self._timer = loop.call_at(self._next_turn, self._turn)

    def disarm(self, item: Item) -> None:
        """Take an item's deadline away, if it has one."""
        if item.wheel_slot is not None:
            item.wheel_slot.discard(item)
            item.wheel_slot = None
            self._items -= 1

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        is_held_up = now - self._next_turn > 2 * self._tick_seconds
        if is_held_up and not self._was_held_up:
            self._was_held_up = True
            self._timer = loop.call_later(self._tick_seconds, self._turn)
            return
        self._was_held_up = False
        try:
            while self._next_turn <= now:
                self._next_turn += self._tick_seconds
                self._at = (self._at + 1) % len(self._slots)
                self._tell(self._slots[self._at])
        finally:
            self._timer = loop.call_at(self._next_turn, self._turn) if self._items else None

    def _tell(self, slot: set[Item]) -> None:
        while slot:  # what one item does may take another's deadline away
            item = slot.pop()
            item.wheel_slot = None
            self._items -= 1
            item.on_due()
