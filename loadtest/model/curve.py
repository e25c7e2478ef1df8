"""A cost that falls with the rate: what comes while something is under way shares the next turn, or the next call."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Curve:
    """Measured (how many a second, us of CPU for each), by growing rates. Straight lines between them in logarithms.

    Below the first and above the last nothing was measured, and the cost is theirs.
    """

    points: Sequence[tuple[float, float]]

    def at(self, per_second: float) -> float:
        """What each costs at such a rate."""
        first, *_, last = self.points
        if per_second <= first[0]:
            return first[1]
        for (slow, dear), (fast, cheap) in pairwise(self.points):
            if per_second <= fast:
                share = math.log(per_second / slow) / math.log(fast / slow)
                return math.exp(math.log(dear) + share * math.log(cheap / dear))
        return last[1]
