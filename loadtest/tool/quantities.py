"""Units and percentiles, the same in every table."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

# In tables and pictures. What the kernel calls kB is 1,024 bytes: `observe.processes.BYTES_PER_KB`.
KB: Final = 1_000
MB: Final = 1_000_000
GB: Final = 1_000_000_000


def percentile(values: Iterable[float] | Mapping[int, int], share: float) -> float | None:
    """The smallest of the values that is not exceeded by so large a share (0 to 1) of them; None of none.

    It is one of the values, by nearest rank. A mapping is a histogram: how often there was each value.
    """
    counted = values.items() if isinstance(values, Mapping) else Counter(values).items()
    counts: list[tuple[float, int]] = sorted(counted)
    rank = max(1, math.ceil(share * sum(count for _, count in counts)))
    seen = 0
    for value, count in counts:
        seen += count
        if seen >= rank:
            return value
    return None
