"""What one client of the matrix has lived through, and the cell that it belongs to."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One way in: a proxy, with stickiness or without, and what its clients come by."""

    proxy: str
    sticky: bool
    transports: str


@dataclass(eq=False)
class Member:
    """One client, of a user of its own."""

    user: str
    cell: Cell
    language: str
    token: str
    url: str
    orders: list[int] = field(default_factory=list)
    """The numbers of its orders, in the order in which it heard them."""
    is_listening: bool = False
    upgrades: int = 0
    connects: int = 0
    recoveries: int = 0
    """Of the connects behind the first: those after which nothing was missing."""
    failures: Counter[str] = field(default_factory=Counter)
    """Attempts that came to nothing, by what the client's library said."""
    has_left: bool = False
    """What ends from then on, it ends itself."""
    endings: list[str] = field(default_factory=list)
    """Why its connections ended, as its library said."""

    def connected(self, *, recovered: bool) -> None:
        """It is connected, for the first time or again."""
        self.connects += 1
        self.recoveries += recovered

    def disconnected(self, reason: str) -> None:
        """A connection has ended."""
        if self.has_left:
            return
        self.is_listening = False
        self.endings.append(reason)
