"""Was it right, what a socket heard? Pure: what Kafka holds, what one socket received, and the verdict.

A message is known by its name and by the id of its event. Kafka keeps the order of one partition, and so must the
messages of one name about the records of one partition; between partitions there is no order to keep.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from realtime.demo.people import Person
from realtime.demo.shop import Published


class Told(NamedTuple):
    """One message: its name, and the id (`topic:partition:offset`) of the event that it tells of."""

    name: str
    event_id: str

    @property
    def lane(self) -> tuple[str, str]:
        """Messages of one lane have an order."""
        return self.name, self.event_id.rpartition(":")[0]

    def __str__(self) -> str:
        return f"{self.name} of {self.event_id}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong; all empty when nothing was. `expected` and `received` are counts."""

    expected: int
    received: int
    missing: tuple[Told, ...] = ()
    repeated: tuple[Told, ...] = ()
    foreign: tuple[Told, ...] = ()
    swapped: tuple[Told, ...] = ()
    """Heard after one that comes later in Kafka."""

    @property
    def is_right(self) -> bool:
        """Everything that was due, in order, once, and nothing else."""
        return not self.faults()

    def faults(self) -> list[str]:
        """Every fault, in words."""
        kinds = {
            "missing": self.missing,
            "repeated": self.repeated,
            "foreign": self.foreign,
            "out of order": self.swapped,
        }
        return [f"{kind}: {told}" for kind, messages in kinds.items() for told in messages]


def due_to(person: Person, published: Iterable[Published], *, follows_stock: bool) -> list[Told]:
    """What a socket of this person must hear, by the contract with clients; each lane in Kafka's order.

    Written down anew, not taken from `routing`: a judge does not ask the accused.
    """
    due = []
    for fact in published:
        verb = fact.type.replace(".", ":")  # order.created -> order:created
        if person.is_admin:
            due.append(Told(f"admin:{verb}", fact.event_id))
            if fact.is_alert:
                due.append(Told("admin:inventory:alert", fact.event_id))
        if fact.buyer_id == person.user_id:
            due += [Told(verb, fact.event_id), Told("notification", fact.event_id)]
        if fact.buyer_id is None and follows_stock:
            due.append(Told(verb, fact.event_id))
    return due


def judge(due: Sequence[Told], heard: Sequence[Told]) -> Verdict:
    """Compare what was due with what was heard."""
    wanted, counts = set(due), Counter(heard)
    return Verdict(
        expected=len(due),
        received=len(heard),
        missing=tuple(told for told in due if told not in counts),
        repeated=tuple(told for told, times in counts.items() if times > 1 and told in wanted),
        foreign=tuple(told for told in heard if told not in wanted),
        swapped=tuple(_swapped(due, [told for told in counts if told in wanted])),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all (0 to 1) do not exceed; not a number when there is none."""
    if not values:
        return float("nan")
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _swapped(due: Sequence[Told], heard_once: Iterable[Told]) -> Iterable[Told]:
    """Of each lane: what was heard after something that is due later."""
    place = {told: number for number, told in enumerate(due)}
    latest: defaultdict[tuple[str, str], int] = defaultdict(lambda: -1)
    for told in heard_once:
        if place[told] < latest[told.lane]:
            yield told
        latest[told.lane] = max(latest[told.lane], place[told])
