"""What the people of one process share: how they come, who is there to be told of, and what the shape has them do."""

import random
import uuid
from argparse import Namespace
from dataclasses import dataclass, field
from typing import Final

from swarm.tokens import Signer

TRANSPORTS: Final = ("websocket", "polling", "mixed")
# Of mixed transports.
POLLING_PART: Final = 0.2


@dataclass
class Crowd:
    """`name` is this process's, in this run: nobody has been told anything before."""

    options: Namespace
    signer: Signer
    name: str = ""
    people: set[str] = field(default_factory=set)  # who have ever followed their orders
    connected: int = 0  # have a session now
    storms: int = 0  # that have been
    events: float = 1.0  # producers send so many times as much as usual
    _numbers: int = 0

    def new_person(self) -> str:
        """Name somebody whom no other process names, nor another run."""
        self._numbers += 1
        return f"load-{self.name}-{self._numbers}"

    def begin(self) -> None:
        """A run begins; nobody is there yet."""
        self.name = uuid.uuid4().hex[:8]
        self.people.clear()
        self.connected, self.storms, self.events, self._numbers = 0, 0, 1.0, 0

    def count(self, change: int) -> None:
        """So many more have a session, or so many fewer."""
        self.connected += change

    def transport(self) -> str:
        """Choose how the next one comes."""
        if self.options.transport == "mixed":
            return "polling" if random.random() < POLLING_PART else "websocket"
        return str(self.options.transport)


_now: Crowd | None = None


def begin(crowd: Crowd) -> None:
    """A run begins with that crowd."""
    global _now  # noqa: PLW0603 - Locust makes people itself, and hands them nothing but its environment
    _now = crowd


def now() -> Crowd:
    """The crowd of this run."""
    assert _now is not None, "no run has begun"
    return _now
