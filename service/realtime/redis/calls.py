"""What a pod asks of Redis: how long each answer takes, and how often there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from realtime.errors import RedisUnavailable
from realtime.redis.connection import redis_errors
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics


class Operation(StrEnum):
    """What is asked; the label of `realtime_redis_round_trip_seconds` and `realtime_redis_errors_total`."""

    PUBLISH = "publish"
    POSITIONS = "positions"  # of Kafka's partitions
    IDEMPOTENCY = "idempotency"  # whether a REST request was published before
    HISTORY = "history"  # of rooms: what somebody missed
    NEWEST = "newest"  # how far publishing has come
    HEARTBEAT = "heartbeat"
    SIGNAL = "signal"  # to other pods
    PRESENCE = "presence"
    SESSIONS = "sessions"  # that clients come back to
    PODS = "pods"  # the directory of them
    LISTEN = "listen"  # to be told of rooms; nobody waits for an answer, so only failures are counted


class RedisCalls:
    """Counts one pod's; every call to Redis is made under one of these."""

    def __init__(self, metrics: Metrics) -> None:
        answered = set(Operation) - {Operation.LISTEN}
        self._round_trips = {operation: metrics.redis_round_trips.labels(operation) for operation in answered}
        self._errors = metrics.redis_errors
        start_at_zero(self._errors, Operation)

    @contextmanager
    def asking(self, operation: Operation, doing: str) -> Iterator[None]:
        """Measure a round trip, and do as `trying`."""
        began = time.perf_counter()
        with self.trying(operation, doing):
            yield
        self._round_trips[operation].observe(time.perf_counter() - began)

    @contextmanager
    def trying(self, operation: Operation, doing: str) -> Iterator[None]:
        """Count what fails; raises `RedisUnavailable`, see `redis_errors`."""
        try:
            with redis_errors(doing):
                yield
        except RedisUnavailable:
            self._errors.labels(operation).inc()
            raise
