"""How a run ends: nothing more is written, what was written arrives, and whoever has not heard it says so.

Everybody stays until then. A loss at the very end of a run, or of all there was, would be seen by nobody else.
"""

import time
from typing import Final

import gevent

from swarm.crowd import Crowd
from swarm.workers import Workers

LOOK_SECONDS: Final = 0.25
# Of workers beyond --settle-seconds: to be told, to judge, and to report it.
MORE_SECONDS: Final = 10.0
ENDS: Final = "swarm-ends"


def settle(here: Crowd) -> None:
    """End the run of this process: wait until nobody is owed anything, or `--settle-seconds`; then let them tell."""
    here.is_over = True
    deadline = time.monotonic() + here.options.settle_seconds
    while here.is_owed and time.monotonic() < deadline:
        gevent.sleep(LOOK_SECONDS)
    for one in list(here.listeners):
        one.tell_owed()
    here.is_judged = True


def settle_all(workers: Workers, seconds: float) -> None:
    """End the run of all workers, and wait until each has told what its people are owed."""
    workers.tell(ENDS)
    deadline = time.monotonic() + seconds + MORE_SECONDS
    while workers.unjudged and time.monotonic() < deadline:
        gevent.sleep(LOOK_SECONDS)
