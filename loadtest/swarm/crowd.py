"""What the people of one process share: how they come, who is there to be told of, and what the shape has them do."""

import random
import uuid
from argparse import Namespace
from dataclasses import dataclass, field
from typing import Final, Protocol

from swarm.ledger import Written
from swarm.tokens import Signer

TRANSPORTS: Final = ("websocket", "polling", "mixed")
# Of mixed transports.
POLLING_PART: Final = 0.2


class Listener(Protocol):
    """Somebody who may be owed messages."""

    @property
    def is_owed(self) -> bool: ...
    def tell_owed(self) -> None: ...


@dataclass
class Crowd:
    """`name` is this process's, in this run: nobody has been told anything before."""

    options: Namespace
    signer: Signer
    name: str = ""
    listeners: set[Listener] = field(default_factory=set)  # all who are there
    people: set[str] = field(default_factory=set)  # of those: who have ever followed their orders
    orders: Written = field(default_factory=Written)
    stock: Written = field(default_factory=Written)
    connected: int = 0  # have a session now
    storms: int = 0  # that have been
    events: float = 1.0  # producers send so many times as much as usual
    is_over: bool = False  # nothing is written any more
    is_judged: bool = False  # and whoever lacks something has told it
    _numbers: int = 0

    def new_person(self) -> str:
        """Name somebody whom no other process names, nor another run."""
        self._numbers += 1
        return f"load-{self.name}-{self._numbers}"

    def anew(self) -> "Crowd":
        """The crowd of a run that begins: nobody is there yet, and nothing is written."""
        return Crowd(self.options, self.signer, uuid.uuid4().hex[:8])

    def count(self, change: int) -> None:
        """So many more have a session, or so many fewer."""
        self.connected += change

    def transport(self) -> str:
        """Choose how the next one comes."""
        if self.options.transport == "mixed":
            return "polling" if random.random() < POLLING_PART else "websocket"
        return str(self.options.transport)

    @property
    def is_owed(self) -> bool:
        """Whether Kafka has yet to answer for something, or somebody has yet to hear something."""
        return bool(self.orders.unanswered or self.stock.unanswered) or any(one.is_owed for one in self.listeners)


def order_of(person: str) -> str:
    """The key of the one order that they have."""
    return f"order-of-{person}"


_now: Crowd | None = None


def begin(crowd: Crowd) -> None:
    """A run begins with that crowd."""
    global _now  # noqa: PLW0603 - Locust makes people itself, and hands them nothing but its environment
    _now = crowd


def now() -> Crowd:
    """The crowd of this run."""
    assert _now is not None, "no run has begun"
    return _now
