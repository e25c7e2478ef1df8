"""How much is measured: all of it, or the quick choice that still covers every target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Plan:
    """Sizes of the scenarios; times in seconds."""

    repetitions: int
    fewer_repetitions: Mapping[str, int]  # by scenario, where one is as good as several, or takes long
    # Of stock python-socketio by scenario, else as many as of all: no target is held against it, and it takes minutes.
    stock_repetitions: Mapping[str, int]
    fanout_sockets: tuple[int, ...]
    fanout_per_tick: tuple[int, ...]
    fanout_seconds: float  # that one measurement is made to last
    handshakes: int
    crowd_sockets: tuple[int, ...]  # a process may open 20,000 descriptors where this was written
    latency_messages: int
    storm_sockets: int
    pods_sockets: int
    pods_seconds: float
    redis_events: int
    kafka_sockets: int
    kafka_records: int
    leak_connections: int

    def repeated(self, repetitions: int) -> Self:
        """The same with another number of repetitions."""
        return replace(self, repetitions=repetitions, fewer_repetitions={})


FULL = Plan(
    repetitions=3,
    fewer_repetitions={},
    # What it does when all leave grows with the square of their number.
    stock_repetitions={"crowd": 1},
    fanout_sockets=(1, 10, 200, 2_000, 10_000),
    fanout_per_tick=(1, 4, 16),
    fanout_seconds=1.0,
    handshakes=4_000,
    crowd_sockets=(5_000, 15_000),
    latency_messages=200,
    storm_sockets=2_000,
    pods_sockets=2_000,
    pods_seconds=1.0,
    redis_events=20_000,
    kafka_sockets=2_000,
    kafka_records=60_000,
    leak_connections=1_000_000,
)

QUICK = Plan(
    repetitions=2,
    fewer_repetitions={"crowd": 1, "events": 1},
    stock_repetitions={"fanout": 1, "handshakes": 1, "crowd": 0, "latency": 0, "storm": 0, "pods": 0, "events": 0},
    fanout_sockets=(1, 10, 2_000),
    fanout_per_tick=(1, 16),
    fanout_seconds=0.4,
    handshakes=1_500,
    crowd_sockets=(5_000,),
    latency_messages=40,
    storm_sockets=700,
    pods_sockets=1_000,
    pods_seconds=0.4,
    redis_events=3_000,
    kafka_sockets=1_000,
    kafka_records=12_000,
    leak_connections=100_000,
)
