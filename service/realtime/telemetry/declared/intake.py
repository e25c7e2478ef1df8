"""Kafka: what comes in, what becomes of it, and how far behind this pod is."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class IntakeMetrics:
    """Intake (Kafka)."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self.consumer_lag = Gauge(
            "realtime_kafka_consumer_lag_records",
            "Records behind the end of an assigned partition; none while the partition's place is not known.",
            ["topic", "partition"],
            registry=registry,
        )
        self.consumer_lag_seconds = Gauge(
            "realtime_kafka_consumer_lag_seconds",
            "Age of the oldest record of an assigned partition that is not published yet, 0 when none is known; while"
            " the partition's place is not known, how long it has waited for that; while Kafka does not answer, for how"
            " long at the least. What is replayed counts from when it came.",
            ["topic", "partition"],
            registry=registry,
        )
        self.assigned_partitions = Gauge(
            "realtime_kafka_assigned_partitions", "Partitions that this pod takes in.", registry=registry
        )
        self.unassigned = Gauge(
            "realtime_kafka_unassigned_seconds",
            "How long this pod has waited for its share of the partitions; 0 when it has it, be it empty.",
            registry=registry,
        )
        self.paused_partitions = Gauge(
            "realtime_kafka_paused_partitions",
            "Assigned partitions that wait for a dependency to come back.",
            registry=registry,
        )
        self.held_partitions = Gauge(
            "realtime_kafka_held_partitions",
            "Assigned partitions that are held until an operator decides, because their topic was made anew or cut.",
            registry=registry,
        )
        self.commit_age = Gauge(
            "realtime_kafka_commit_age_seconds",
            "Since when a commit of this pod waits for the group to take it; 0 when none does.",
            registry=registry,
        )
        self.rebalances = Counter(
            "realtime_kafka_rebalances_total",
            "Times that the group has given this pod its share of the partitions, the first time among them.",
            registry=registry,
        )
        self.rewinds = Counter(
            "realtime_kafka_rewinds_total",
            "Times that Redis was behind what had been published, and Kafka was rewound.",
            registry=registry,
        )
        self.consumer_restarts = Counter(
            "realtime_kafka_consumer_restarts_total",
            "Times that the Kafka client was given up and made anew, by reason (no_assignment, no_fetches, ...).",
            ["reason"],
            registry=registry,
        )
