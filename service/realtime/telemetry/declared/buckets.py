"""Bounds of histograms' buckets. Seconds, if not said otherwise."""

from typing import Final

# The objective is 500 ms; half of the buckets stand around and below it.
LATENCY_BUCKETS_SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    300,
)
# A handshake is given up after five seconds (`sockets.join_timeout_seconds`), and waits two for its turn.
HANDSHAKE_BUCKETS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# A script that publishes a batch takes a millisecond or two; a command is given up after seconds.
ROUND_TRIP_BUCKETS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
# What stops everybody on a pod: from what nobody feels to what clients take for the pod's end.
STALL_BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# From a client that was in a tunnel to one that was away for the weekend.
REACH_BUCKETS_SECONDS: Final = (1, 5, 15, 60, 120, 300, 900, 3_600, 14_400, 86_400, 259_200)
MESSAGE_BUCKETS: Final = (0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
