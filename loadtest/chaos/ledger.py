"""What was produced, and what each device heard: plain data, written down while it happens and judged afterwards.

Events are numbered per key, from 1. A key is one order, and belongs to one user: `user-7.2`. An event's id, which
producers give and clients hear, names both: `user-7.2#31`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self


class EventId(NamedTuple):
    """Which event of which order it is."""

    key: str
    number: int

    @property
    def owner(self) -> str:
        """Whose order it is."""
        return self.key.rpartition(".")[0]

    def __str__(self) -> str:
        return f"{self.key}#{self.number}"

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read what `str` wrote. Raises `ValueError`."""
        key, mark, number = str(text).rpartition("#")
        if not mark or "." not in key:
            raise ValueError(f"not an event of ours: {text!r}")
        return cls(key, int(number))


class Keeps(StrEnum):
    """What a device keeps to go on where it broke off: see docs/clients.md."""

    SESSION = "session"  # `pid` and `offset`, as the stock client does by itself
    OFFSET = "offset"  # `offset` alone
    NOTHING = "nothing"  # it is told at the next connect what came while its user was away


class Ending(StrEnum):
    """How a connection ended."""

    OPEN = "open"  # it has not
    GOODBYE = "goodbye"  # the client said so, and read until the end
    DROPPED = "dropped"  # by the client, in mid-sentence
    VANISHED = "vanished"  # the client went silent without a word, as in a tunnel
    CUT = "cut"  # by somebody else


class Heard(NamedTuple):
    """One message that a device heard.

    `stream` is its name, `place` what the server told beside it, `at` when (a monotonic clock's seconds).
    """

    stream: str
    event: EventId
    at: float
    place: str | None = None


@dataclass(slots=True)
class Connection:
    """One connection of a device, and all that it heard.

    `reason` is why the server could not go on where the device broke off, as it said; `came_back` whether the device
    had asked for that. Times are a monotonic clock's seconds.
    """

    to: str
    began_at: float = 0.0
    came_back: bool = False
    recovered: bool | None = None  # None: it never was welcome
    reason: str | None = None
    heard: list[Heard] = field(default_factory=list)
    ending: Ending = Ending.OPEN
    why: str = ""  # it ended, in the words of whoever ended it
    ended_at: float | None = None

    def __str__(self) -> str:
        until = "" if self.ended_at is None else f"{self.ended_at:.2f}"
        recovered = {None: "never welcome", True: "recovered", False: self.reason or "anew"}[self.recovered]
        ids = [str(heard.event) for heard in self.heard]
        heard = f"heard {len(ids)}: {ids[0]} .. {ids[-1]}" if ids else "heard nothing"
        return f"{self.began_at:.2f}-{until} {self.to}, {recovered}, {heard}, {self.ending} {self.why}".rstrip()


@dataclass(slots=True)
class DeviceLog:
    """All that one device went through, connection after connection. `streams` are those that it follows.

    A device that `hears_all` is an admin's. `is_steady`: it never leaves by itself.
    """

    user: str
    name: str
    keeps: Keeps
    streams: tuple[str, ...]
    hears_all: bool = False
    is_steady: bool = False
    connections: list[Connection] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # that the server said are final
    unreadable: list[str] = field(default_factory=list)  # messages that are none of ours

    def history(self) -> str:
        """Its connections, one a line, for people who look for what went wrong."""
        return "\n".join(f"    {number}. {connection}" for number, connection in enumerate(self.connections, 1))


@dataclass(slots=True)
class Ledger:
    """`produced` holds each key's numbers in the order in which Kafka holds them; `sent_at` when each was sent.

    `struck_at` and `mended_at` bound the fault. Times are the same monotonic clock's as the devices'.
    """

    produced: dict[str, list[int]] = field(default_factory=dict)
    sent_at: dict[EventId, float] = field(default_factory=dict)
    devices: list[DeviceLog] = field(default_factory=list)
    struck_at: float | None = None
    mended_at: float | None = None
