"""Redis: how quickly it answers, whether this pod hears it, and how far its histories reach."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from realtime.telemetry.counting import QuickHistogram
from realtime.telemetry.declared.buckets import MESSAGE_BUCKETS, REACH_BUCKETS_SECONDS, ROUND_TRIP_BUCKETS_SECONDS


class RedisMetrics:
    """Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.redis_round_trips = Histogram(
            "realtime_redis_round_trip_seconds",
            "What Redis takes to answer, by operation (publish, history, newest, heartbeat, presence, ...), with the"
            " wait for one of this pod's connections; failed ones are not among them.",
            ["operation"],
            buckets=ROUND_TRIP_BUCKETS_SECONDS,
            registry=registry,
        )
        self.redis_errors = Counter(
            "realtime_redis_errors_total",
            "Operations on Redis that failed, by operation.",
            ["operation"],
            registry=registry,
        )
        self.redis_reconnects = Counter(
            "realtime_redis_reconnects_total",
            "Times that the connection on which this pod hears its rooms was made again.",
            registry=registry,
        )
        self.broker_heartbeat_age = Gauge(
            "realtime_broker_heartbeat_age_seconds",
            "Since this pod last heard its own heartbeat through Redis.",
            registry=registry,
        )
        self.publish_failures = Counter(
            "realtime_publish_failures_total",
            "Attempts to publish that failed and are tried again, by error.",
            ["error"],
            registry=registry,
        )
        self.history_messages = QuickHistogram(
            "realtime_history_messages",
            "Messages in a room's history; of each batch that is published, in the room of its last message.",
            buckets=MESSAGE_BUCKETS,
            registry=registry,
        )
        self.history_reach = QuickHistogram(
            "realtime_history_reach_seconds",
            "How far back such a history reaches if it is full, so that each message pushes an older one out: who was"
            " away longer cannot be told all. Its count beside that of realtime_history_messages says how many are.",
            buckets=REACH_BUCKETS_SECONDS,
            registry=registry,
        )
