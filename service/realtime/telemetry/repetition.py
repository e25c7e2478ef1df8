"""The same line again and again is told a few times, then counted: an outage fills no disk, and hides nothing."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# Different lines that are kept in mind; of the oldest, what was counted is told at once.
MAX_KEYS: Final = 1_000
MAX_EVENT_CHARACTERS: Final = 200


class Key(NamedTuple):
    """What makes two lines the same."""

    logger: str
    level: int
    event: str


@dataclass(slots=True)
class _Window:
    until: float
    told: int = 0
    held_back: int = 0


class Repetition:
    """Lets each line through `most` times in a window that begins with its first; the others are counted."""

    def __init__(self, most: int, window_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.window_seconds = window_seconds
        self._most = most
        self._now = now
        self._windows: OrderedDict[Key, _Window] = OrderedDict()
        self._forgotten: list[tuple[Key, int]] = []

    def admits(self, key: Key) -> bool:
        """Whether a line is told now. Ask for `counted` before."""
        now, window = self._now(), self._windows.get(key)
        if window is None or window.until <= now:
            self._begin(key, now, window)
            return True
        if window.told < self._most:
            window.told += 1
            return True
        window.held_back += 1
        return False

    def _begin(self, key: Key, now: float, ended: _Window | None) -> None:
        if ended is not None:
            self._forget(key)
        elif len(self._windows) >= MAX_KEYS:
            self._forget(next(iter(self._windows)))
        self._windows[key] = _Window(now + self.window_seconds, told=1)

    def _forget(self, key: Key) -> None:
        window = self._windows.pop(key)
        if window.held_back:
            self._forgotten.append((key, window.held_back))

    def counted(self, *, all_of_them: bool = False) -> Iterator[tuple[Key, int]]:
        """Which lines were held back, and how often, in windows that are over, or in all; each is told of once."""
        now = self._now()
        # Windows are as long as each other, so they end in the order in which they began.
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if window.until > now and not all_of_them:
                break
            self._forget(key)
        forgotten, self._forgotten = self._forgotten, []
        yield from forgotten

    @property
    def holds_back(self) -> bool:
        """Whether something is still to be told."""
        return bool(self._forgotten) or any(window.held_back for window in self._windows.values())
