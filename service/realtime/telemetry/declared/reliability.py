"""What goes wrong and is mended: recoveries, retries, breakers, drains, bugs."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from realtime.telemetry.counting import QuickCounter, QuickHistogram, start_at_zero
from realtime.telemetry.declared.buckets import MESSAGE_BUCKETS


class ReliabilityMetrics:
    """Reliability."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.recoveries = Counter(
            "realtime_recoveries_total",
            "Clients that came back to go on where they broke off, by outcome (recovered, or why not).",
            ["outcome"],
            registry=registry,
        )
        self.missed_messages = QuickCounter(
            "realtime_missed_messages_total",
            "Messages told to clients that had missed them: gone for a moment, or away.",
            registry=registry,
        )
        self.offline_backlog = QuickHistogram(
            "realtime_offline_backlog_messages",
            "Messages that had waited for a user who was on no pod, when the first device came; 0 counts, too.",
            buckets=MESSAGE_BUCKETS,
            registry=registry,
        )
        self.retries = Counter(
            "realtime_retries_total",
            "Attempts that failed and are made again, by dependency (kafka, redis).",
            ["dependency"],
            registry=registry,
        )
        self.breaker_state = Gauge(
            "realtime_breaker_state",
            "0: closed, all is well; 1: half open, trying; 2: open, not asked for now. By dependency.",
            ["dependency"],
            registry=registry,
        )
        self.breaker_transitions = Counter(
            "realtime_breaker_transitions_total",
            "Times that a breaker changed into a state (closed, half_open, open), by dependency.",
            ["dependency", "state"],
            registry=registry,
        )
        self.draining = Gauge("realtime_draining", "1 while this pod is leaving, else 0.", registry=registry)
        self.draining_seconds = Gauge(
            "realtime_draining_seconds", "Since this pod began to leave; 0 before.", registry=registry
        )
        self.drain_limit = Gauge(
            "realtime_drain_limit_seconds",
            "How long this pod may take to leave: drain.settle_seconds + drain.grace_seconds.",
            registry=registry,
        )
        self.draining_sessions = Gauge(
            "realtime_draining_sessions",
            "Sessions that this pod, which is leaving, has still to send to other pods.",
            registry=registry,
        )
        self.drain_waves = Counter(
            "realtime_drain_waves_total",
            "Waves of sessions that this pod, which is leaving, has sent to other pods.",
            registry=registry,
        )
        self.bugs = Counter(
            "realtime_unexpected_errors_total",
            "Errors that are bugs, by where they were caught.",
            ["where"],
            registry=registry,
        )
        start_at_zero(self.bugs, ["close", "command", "message", "pipeline", "rest", "signal", "signal_queue_full"])
