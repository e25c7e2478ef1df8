"""Having a server emit: the same messages for each, as many as fit into a given time."""

import json
from dataclasses import dataclass

from bench.client import LoadClient, Report

ROOM = "r"
# Before the number that grows from message to message.
ORDER_KEY = '"s":'
JOIN_ROOM = f'420["join","{ROOM}"]'
# Nothing more is given to a socket before it has read this many messages: what waits stays within kernel buffers, so
# that no server's limit for slow readers (ours: 1,000 messages) is what is measured.
ROUND_MAX_MESSAGES = 500
# Enough for a just-in-time compiler to have seen it all.
WARM_UP_DELIVERIES = 20_000
WARM_UP_MAX_MESSAGES = 2_000


def go(messages: int, *, per_tick: int = 1, every_ms: float = 0, via: str = "emit", room: str = ROOM) -> str:
    """The packet that lets a server emit: so many in each turn of its event loop, or so often by the clock."""
    order = {"messages": messages, "per_tick": per_tick, "every_ms": every_ms, "room": room, "via": via}
    return f'42["go",{json.dumps(order, separators=(",", ":"))}]'


@dataclass(frozen=True)
class Emission:
    """Rounds of messages from one server, asked for by the first socket of group `by`, to all of group `to`."""

    client: LoadClient
    sockets: int  # of the group `to`
    per_tick: int = 1
    via: str = "emit"
    by: str = "all"
    to: str = "all"
    is_ordered: bool = True  # whether messages must arrive in the order in which they were made

    async def last(self, seconds: float) -> int:
        """Warm the server up; how many messages it will emit in so long. Raises `LoadFailed`."""
        messages = min(WARM_UP_MAX_MESSAGES, max(1, WARM_UP_DELIVERIES // self.sockets))
        warm = await self.emit(messages)
        return int(warm.frames / self.sockets / warm.seconds * seconds)

    async def emit(self, messages: int) -> Report:
        """Emit about so many messages, in whole ticks, at least one. Raises `LoadFailed` unless all arrive in order."""
        ticks_in_all = max(1, round(messages / self.per_tick))
        rounds = -(-ticks_in_all * self.per_tick // ROUND_MAX_MESSAGES)
        messages_per_round = round(ticks_in_all / rounds) * self.per_tick
        await self.client.arm(self.to, *((ORDER_KEY,) if self.is_ordered else ()))
        packet = go(messages_per_round, per_tick=self.per_tick, via=self.via)
        report = await self.client.rounds(self.to, messages_per_round * self.sockets, rounds, packet, by=self.by)
        return report.check(messages_per_round * self.sockets * rounds, self.sockets)
