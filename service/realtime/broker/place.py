"""A place in the order of what was published: how far somebody has been told, and so where to go on."""

import re
from typing import Final, NamedTuple, Self

_PLACE: Final = re.compile(r"([A-Za-z0-9_-]{1,32}):([0-9]{1,19})")
# Beyond this, JavaScript and Lua do not tell a number from the next; reached in the year 2255.
MAX_OFFSET: Final = 2**53 - 1
# As many as there may be shards.
MAX_PLACES: Final = 64


class Place(NamedTuple):
    """`offset` in the total order that `epoch` names; written `7Qx2f0aB:1763890000123456`.

    Clients keep it, and send it back when they return. Places of different epochs cannot be compared: between them,
    Redis has lost its data.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote. Raises `ValueError`."""
        match = _PLACE.fullmatch(text)
        if match is None or int(match[2]) > MAX_OFFSET:
            raise ValueError("a place looks like 7Qx2f0aB:1763890000123456")
        return cls(match[1], int(match[2]))


class Cursor(tuple[Place, ...]):
    """How far somebody has been told: a place in each order there is, one for each shard of Redis.

    Written as the places with commas between: with one shard, a cursor looks like its only place.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return ",".join(map(str, self))

    def in_epoch(self, epoch: str) -> int | None:
        """The offset in one order; None if this cursor is of another time."""
        return next((place.offset for place in self if place.epoch == epoch), None)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote. Raises `ValueError`."""
        parts = text.split(",", MAX_PLACES)
        if len(parts) > MAX_PLACES:
            raise ValueError(f"a cursor has at most {MAX_PLACES} places")
        return cls(map(Place.parse, parts))


class Places:
    """The cursors of who is told one delivery after the other; or always the same, `is_fixed`."""

    __slots__ = ("_is_fixed", "_offsets")

    def __init__(self, start: Cursor, *, is_fixed: bool = False) -> None:
        self._offsets = dict(start)
        self._is_fixed = is_fixed

    def behind(self, epoch: str, offset: int) -> str:
        """Write the cursor of who has been told this one, too."""
        if not self._is_fixed:
            self._offsets[epoch] = offset
        return ",".join([f"{epoch}:{offset}" for epoch, offset in self._offsets.items()])
