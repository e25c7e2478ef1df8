"""How much is measured: all of it, or what shows the same in minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes of the rows; times in seconds."""

    repetitions: int  # of every row, contender after contender; the spread is told
    clients: int  # of the rows that count what is lost
    events_per_second: float  # to all of them together
    drops_seconds: float
    restart_seconds: float  # of both pods, at least
    pause_seconds: float  # between two pods that are restarted, and before the first
    latency_sockets: int
    latency_per_second: float
    latency_warm_up_seconds: float  # the second pod's coming takes partitions from the first, seconds later
    latency_seconds: float
    idle_sockets: int
    quiet_seconds: float  # until what handshakes left over has been given back
    backlog_sockets: int
    backlog_records: int
    slow_backlog_records: int  # of stock python-socketio, which would take minutes otherwise
    room_sockets: int
    room_records: int
    room_per_second: float
    memberless_records: int
    nothing_seconds: float  # for which a pod has nothing to do


FULL = Plan(
    repetitions=3,
    clients=200,
    events_per_second=200,
    drops_seconds=10,
    restart_seconds=18,
    pause_seconds=3,
    latency_sockets=500,
    latency_per_second=200,
    latency_warm_up_seconds=8,
    latency_seconds=6,
    idle_sockets=4_000,
    quiet_seconds=4,
    backlog_sockets=1_000,
    backlog_records=20_000,
    slow_backlog_records=4_000,
    room_sockets=1_000,
    room_records=20,
    room_per_second=5,
    memberless_records=3_000,
    nothing_seconds=5,
)

QUICK = Plan(
    repetitions=1,
    clients=60,
    events_per_second=60,
    drops_seconds=5,
    restart_seconds=8,
    pause_seconds=1,
    latency_sockets=100,
    latency_per_second=100,
    latency_warm_up_seconds=4,
    latency_seconds=2,
    idle_sockets=1_000,
    quiet_seconds=1,
    backlog_sockets=200,
    backlog_records=4_000,
    slow_backlog_records=1_000,
    room_sockets=1_000,
    room_records=6,
    room_per_second=5,
    memberless_records=800,
    nothing_seconds=2,
)
