"""What is compared, in the order in which it is measured."""

from collections.abc import Awaitable, Callable
from typing import Final

from scorecard.card import Card
from scorecard.rows import backlog, idle, latency, losses, memberless, room

ROWS: Final[dict[str, Callable[[Card], Awaitable[None]]]] = {
    "drops": losses.run_drops,
    "restart": losses.run_restart,
    "kill": losses.run_kill,
    "latency": latency.run,
    "backlog": backlog.run,
    "room": room.run,
    "idle": idle.run,
    "memberless": memberless.run,
}
# Run only when they are named: some wait for most of a minute until Kafka takes the dead pod for dead.
ON_DEMAND: Final = frozenset({"kill"})
