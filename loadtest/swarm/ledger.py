"""What of the numbered events came, twice or not at all; what was written, and what a device is owed of it. Pure.

Of each key, an order or a product, one producer numbers its events from 1. Times are those of the monotonic clock.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MARK: Final = "swarm."


class Verdict(NamedTuple):
    """Of one message: how many before it never came, and whether it came before."""

    missing: int = 0
    is_repeated: bool = False


@dataclass(slots=True)
class Key:
    """What was written of one key, from when until when; `last` is the highest number that Kafka has taken."""

    first_at: float
    last_at: float
    sent: int = 0
    last: int = 0


class Written:
    """What the producer of this process has written."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self.unanswered = 0
        """So many were given to Kafka, of which it has not yet said whether it has taken them."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def get(self, key: str) -> Key | None:
        """What was written of it; None: nothing."""
        return self._keys.get(key)

    def begin(self, key: str, at: float) -> int:
        """One more is about to be written: its number."""
        written = self._keys.setdefault(key, Key(at, at))
        written.sent += 1
        written.last_at = at
        self.unanswered += 1
        return written.sent

    def end(self, key: str, number: int, *, is_taken: bool) -> None:
        """Kafka has answered."""
        self.unanswered -= 1
        if is_taken:
            self._keys[key].last = max(self._keys[key].last, number)

    def take_back(self, key: str) -> None:
        """The last was not written after all: its number is free again."""
        self._keys[key].sent -= 1
        self.unanswered -= 1


class Owed(NamedTuple):
    """The last `missing` of a key's events, until that number, have not come."""

    key: str
    missing: int
    last: int


class Ledger:
    """One device's. Of each stream and key the numbers must follow each other, from the first to the last.

    The first is 1 where the key was begun after the device began to follow; else, and where another process writes
    it, what comes first is where it begins.
    """

    def __init__(self) -> None:
        self._follows_since = math.inf
        self._last: dict[tuple[str, str], int] = {}

    def begin_anew(self) -> None:
        """Forget all: it is new, or the server has said that it cannot tell what was missed. It follows nothing."""
        self._last.clear()
        self._follows_since = math.inf

    def follow(self, since: float) -> None:
        """The server has said that it follows: it is owed what is written from then on."""
        self._follows_since = since

    def hear(self, stream: str, event_id: str, written: Written) -> Verdict | None:
        """Judge a message by its event's id; None: it is none of ours."""
        if (parsed := parse(event_id)) is None:
            return None
        key, number = parsed
        last = self._last.get((stream, key))
        if last is None:
            last = 0 if self._is_owed_all(written.get(key)) else number - 1
        elif number <= last:
            return Verdict(is_repeated=True)
        self._last[stream, key] = number
        return Verdict(missing=number - last - 1)

    def owed(self, stream: str, written: Written, keys: Iterable[str], until: float = math.inf) -> Iterator[Owed]:
        """Tell of which keys the last events that Kafka has taken, all sent until then, have not come."""
        for key in keys:
            said = written.get(key)
            if said is None or not said.last or not self._follows_since < said.last_at <= until:
                continue
            heard = self._last.get((stream, key))
            if heard is None:
                heard = 0 if self._is_owed_all(said) else said.last - 1
            if heard < said.last:
                yield Owed(key, said.last - heard, said.last)

    def _is_owed_all(self, said: Key | None) -> bool:
        return said is not None and said.first_at > self._follows_since


def event_id(key: str, number: int) -> str:
    """Name the event of that number: what a record's header `event-id` says."""
    return f"{MARK}{key}#{number}"


def parse(text: object) -> tuple[str, int] | None:
    """Read what `event_id` wrote; None: somebody else did."""
    if not isinstance(text, str) or not text.startswith(MARK):
        return None
    key, mark, number = text.removeprefix(MARK).rpartition("#")
    return (key, int(number)) if mark and number.isdigit() else None
