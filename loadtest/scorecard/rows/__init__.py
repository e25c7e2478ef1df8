"""What is compared, in the order in which it is measured."""

from collections.abc import Awaitable, Callable
from typing import Final

from scorecard.card import Card
from scorecard.rows import backlog, idle, latency, losses, memberless, room

ROWS: Final[dict[str, Callable[[Card], Awaitable[None]]]] = {
    "drops": losses.run_drops,
    "restart": losses.run_restart,
    "latency": latency.run,
    "backlog": backlog.run,
    "room": room.run,
    "idle": idle.run,
    "memberless": memberless.run,
}
