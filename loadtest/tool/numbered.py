"""What became of numbered events: which came, which never did, which came again, and which came late.

The one definition for all tools. Of a sequence that somebody is owed, numbered from 1:

- delivered: numbers that were heard, each counted once;
- lost: numbers that were owed and were never heard, the last ones included;
- repeated: how often a number was heard after its first time;
- disordered: numbers that were first heard after a higher one.

So 1, 3, 2 of three is nothing lost, nothing repeated, one disordered; 1, 3, 2, 3 is one repeated besides. It is pure,
and of the standard library alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many events. Those of several sequences add up: `sum(verdicts, Verdict())`."""

    delivered: int = 0
    lost: int = 0
    repeated: int = 0
    disordered: int = 0

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def is_clean(self) -> bool:
        """Whether each came once and in its order."""
        return not (self.lost or self.repeated or self.disordered)


class Hearing:
    """What one listener has heard of one sequence so far. It keeps the numbers that are missing, and no others."""

    def __init__(self) -> None:
        self.highest = 0
        self._missing: set[int] = set()
        self._repeated = 0
        self._disordered = 0

    def hear(self, number: int) -> None:
        """Take a number, from 1 on."""
        if number > self.highest:
            self._missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number in self._missing:
            self._missing.remove(number)
            self._disordered += 1
        else:
            self._repeated += 1

    def has_all(self, owed: int) -> bool:
        """Whether none of the numbers 1 to `owed` is missing."""
        return self.highest >= owed and not self._missing

    def verdict(self, owed: int) -> Verdict:
        """Judge it by the numbers 1 to `owed`, as if nothing else were to come; nothing above these was heard."""
        lost = len(self._missing) + max(0, owed - self.highest)
        return Verdict(owed - lost, lost, self._repeated, self._disordered)


def judge(heard: Iterable[int], owed: Sequence[int]) -> Verdict:
    """Judge what was heard by the numbers that were owed, in their order: any numbers, such as `range(1, 8)`.

    What was heard and is not owed is not judged.
    """
    places = {number: place for place, number in enumerate(owed, 1)}
    hearing = Hearing()
    for number in heard:
        if (place := places.get(number)) is not None:
            hearing.hear(place)
    return hearing.verdict(len(places))
