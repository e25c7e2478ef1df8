"""How much is measured: all of it, or what shows the same in minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes of the rows; times in seconds."""

    repetitions: int  # of latency and the backlog; the spread is told
    clients: int  # of the rows that count what is lost
    events_per_second: float  # to all of them together
    drops_seconds: float
    restart_seconds: float  # of both pods, at least
    latency_sockets: int
    latency_per_second: float
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


FULL = Plan(
    repetitions=2,
    clients=200,
    events_per_second=200,
    drops_seconds=20,
    restart_seconds=25,
    latency_sockets=500,
    latency_per_second=200,
    latency_seconds=6,
    idle_sockets=4_000,
    quiet_seconds=5,
    backlog_sockets=1_000,
    backlog_records=20_000,
    slow_backlog_records=4_000,
    room_sockets=1_000,
    room_records=30,
    room_per_second=5,
    memberless_records=3_000,
)

QUICK = Plan(
    repetitions=1,
    clients=60,
    events_per_second=60,
    drops_seconds=6,
    restart_seconds=12,
    latency_sockets=100,
    latency_per_second=100,
    latency_seconds=3,
    idle_sockets=1_000,
    quiet_seconds=1,
    backlog_sockets=200,
    backlog_records=4_000,
    slow_backlog_records=1_000,
    room_sockets=1_000,
    room_records=6,
    room_per_second=5,
    memberless_records=800,
)
