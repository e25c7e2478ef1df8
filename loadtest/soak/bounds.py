"""By how much what must not grow may be seen to grow along the second half of a run, and why by so much."""

from collections.abc import Mapping
from typing import Final

from soak.judge import Bound
from tool.quantities import MB

# Of a thousand clients a fifth goes each minute: 6,000 in the second half of an hour.
BOUNDS: Final[Mapping[str, Bound]] = {
    "resident memory": Bound(
        0.03, 3 * MB, "Python takes memory by the MiB, and gives one back when nothing in it is used: a few come and go"
    ),
    "descriptors": Bound(
        0.02, 20, "who is away holds none, and polling holds one or two; leaks are one for each client that goes"
    ),
    "threads": Bound(
        0.0, 2.5, "one may first be needed late: a step of one, at the worst place, is a line that grows by 1.5 to 2.2"
    ),
    "tasks": Bound(
        0.02, 20, "who is away has none, and what is due runs beside; leaks are one for each client that goes"
    ),
    "Redis keys": Bound(
        0.05, 100, "Redis looks for what has expired by samples, and events are for users by chance: so many have some"
    ),
    "Redis memory": Bound(0.05, 1 * MB, "likewise, and streams give memory back by whole nodes"),
}
