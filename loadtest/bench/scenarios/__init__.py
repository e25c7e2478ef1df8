"""What is measured, one module each; in the order in which they run."""

from collections.abc import Awaitable, Callable
from typing import Final

from bench.run import Run
from bench.scenarios import crowd, events, fanout, handshakes, kafka, latency, leak, pods, storm

SCENARIOS: Final[dict[str, Callable[[Run], Awaitable[None]]]] = {
    "fanout": fanout.run,
    "handshakes": handshakes.run,
    "crowd": crowd.run,
    "latency": latency.run,
    "storm": storm.run,
    "pods": pods.run,
    "events": events.run,
    "kafka": kafka.run,
    "leak": leak.run,
}
# Run only when they are named.
ON_DEMAND: Final = frozenset({"leak"})
