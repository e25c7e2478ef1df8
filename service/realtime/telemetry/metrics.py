"""Every metric, declared once. Labels are countable: never a user, a room or an event's id."""

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from realtime.telemetry.counting import QuickCounter, QuickHistogram

# The objective is 500 ms; half of the buckets stand around and below it.
LATENCY_BUCKETS_SECONDS = (
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


class Metrics:
    """All metrics of one pod, in a registry of their own, so that a process may hold several pods."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        self.connections = Gauge("realtime_connections", "Sessions on this pod now.", ["transport"], registry=registry)
        self.connects = Counter(
            "realtime_connects_total",
            "Connection attempts, by outcome (accepted, or an error's code).",
            ["outcome"],
            registry=registry,
        )
        self.refused_requests = Counter(
            "realtime_refused_requests_total",
            "Engine.IO requests that were not served, by problem (draining, unknown_sid, forbidden, ...).",
            ["problem"],
            registry=registry,
        )
        self.protocol_violations = Counter(
            "realtime_protocol_violations_total",
            "Connections closed because their client broke the protocol.",
            registry=registry,
        )
        self.disconnects = Counter(
            "realtime_disconnects_total", "Sessions that ended, by reason.", ["reason"], registry=registry
        )
        self.commands = Counter(
            "realtime_commands_total",
            "Commands from clients, by name (unknown ones as `unknown`) and outcome.",
            ["command", "outcome"],
            registry=registry,
        )
        self.events = Counter(
            "realtime_events_total",
            "Kafka records handled, by topic's event type and outcome (published, dead_letter, skipped).",
            ["type", "outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "realtime_dead_letters_total",
            "Records sent to the dead-letter topic, by reason.",
            ["reason"],
            registry=registry,
        )
        self.publications = Counter(
            "realtime_publications_total",
            "Messages published, by source (kafka, rest).",
            ["source"],
            registry=registry,
        )
        self.publish_failures = Counter(
            "realtime_publish_failures_total",
            "Attempts to publish that failed and are tried again, by error.",
            ["error"],
            registry=registry,
        )
        self.deliveries = QuickCounter(
            "realtime_deliveries_total", "Messages written to sockets of this pod.", registry=registry
        )
        self.delivery_latency = QuickHistogram(
            "realtime_delivery_latency_seconds",
            "From the Kafka record's timestamp to the write into this pod's sockets, once for each room's message.",
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
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
        self.consumer_lag = Gauge(
            "realtime_kafka_consumer_lag_records",
            "Records behind the end of an assigned partition.",
            ["topic", "partition"],
            registry=registry,
        )
        self.assigned_partitions = Gauge(
            "realtime_kafka_assigned_partitions", "Partitions that this pod takes in.", registry=registry
        )
        self.paused_partitions = Gauge(
            "realtime_kafka_paused_partitions",
            "Assigned partitions that wait for a dependency to come back.",
            registry=registry,
        )
        self.rewinds = Counter(
            "realtime_kafka_rewinds_total",
            "Times that Redis was behind what had been published, and Kafka was rewound.",
            registry=registry,
        )
        self.broker_heartbeat_age = Gauge(
            "realtime_broker_heartbeat_age_seconds",
            "Since this pod last heard its own heartbeat through Redis.",
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
        self.consumer_restarts = Counter(
            "realtime_kafka_consumer_restarts_total",
            "Times that the Kafka client was given up and made anew, by reason (no_assignment, no_fetches, ...).",
            ["reason"],
            registry=registry,
        )
        self.waiting_connections = Gauge(
            "realtime_waiting_connections",
            "New connections that wait for their turn, because more come than `limits.handshakes_per_second`.",
            registry=registry,
        )
        self.drain_waves = Counter(
            "realtime_drain_waves_total",
            "Waves of sessions that this pod, which is leaving, has sent to other pods.",
            registry=registry,
        )
        self.draining_sessions = Gauge(
            "realtime_draining_sessions",
            "Sessions that this pod, which is leaving, has still to send to other pods.",
            registry=registry,
        )
        self.bugs = Counter(
            "realtime_unexpected_errors_total",
            "Errors that are bugs, by where they were caught.",
            ["where"],
            registry=registry,
        )
