"""Where events come from."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, SecretStr, model_validator

from realtime.settings.section import Section


def _is_a_topic_name(name: str) -> str:
    # Kafka's own rule: org.apache.kafka.common.internals.Topic.
    legal = name.isascii() and all(c.isalnum() or c in "._-" for c in name)
    if not legal or not 1 <= len(name) <= 249 or name in {".", ".."}:
        raise ValueError(f"{name!r} is not a Kafka topic name (1 to 249 of a-z A-Z 0-9 . _ -)")
    return name


TopicName = Annotated[str, AfterValidator(_is_a_topic_name)]


class TopicSettings(Section):
    """Which topic carries which event."""

    order_created: TopicName = Field("order.created", description="Topic of `order.created` events.")
    order_updated: TopicName = Field("order.updated", description="Topic of `order.updated` events.")
    order_cancelled: TopicName = Field("order.cancelled", description="Topic of `order.cancelled` events.")
    inventory_updated: TopicName = Field("inventory.updated", description="Topic of `inventory.updated` events.")
    product_created: TopicName = Field("product.created", description="Topic of `product.created` events.")
    product_updated: TopicName = Field("product.updated", description="Topic of `product.updated` events.")

    @model_validator(mode="after")
    def _each_topic_carries_one_event(self) -> Self:
        names = list(self.by_event().values())
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"topic {', '.join(twice)} is named for more than one event")
        return self

    def by_event(self) -> dict[str, str]:
        """Event type -> topic, for example `order.created` -> `order.created`."""
        return {field.replace("_", ".", 1): getattr(self, field) for field in type(self).model_fields}


class KafkaSettings(Section):
    """Where events come from."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=3, description="`host:port`, several separated by commas."
    )
    group_id: str = Field("realtime-service-group", min_length=1, description="Consumer group that all pods share.")
    topics: TopicSettings = Field(default_factory=TopicSettings)
    dead_letter_topic: TopicName = Field(
        "realtime.dead-letters", description="Where records go that cannot become events."
    )
    start_at: Annotated[str, Field(pattern="^(earliest|latest)$")] = Field(
        "earliest",
        description="Where to begin in a partition of which neither Redis nor Kafka knows a position.",
    )
    security_protocol: Annotated[str, Field(pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$")] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Annotated[str, Field(pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")] = Field(
        "SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    sasl_username: str | None = Field(None, description="User for SASL.")
    sasl_password: SecretStr | None = Field(None, description="Password for SASL.")
    ssl_ca_file: Path | None = Field(None, description="Certificates to trust; the system's when unset.")
    ssl_certificate_file: Path | None = Field(None, description="This client's certificate, for mutual TLS.")
    ssl_key_file: Path | None = Field(None, description="This client's key, for mutual TLS.")
    session_timeout_seconds: PositiveFloat = Field(
        30.0, description="After this long without a heartbeat the group gives a pod's partitions to others."
    )
    heartbeat_interval_seconds: PositiveFloat = Field(3.0, description="Time between two heartbeats to the group.")
    request_timeout_seconds: PositiveFloat = Field(15.0, description="How long one request to Kafka may take.")
    record_max_bytes: PositiveInt = Field(
        262_144, description="Largest value of a record; a larger one is a dead letter."
    )
    batch_max_records: PositiveInt = Field(500, description="Records of one partition that are published in one call.")
    fetch_max_bytes_per_partition: PositiveInt = Field(
        1_048_576,
        description="Records of one partition that wait in this pod; no more are fetched meanwhile.",
    )
    fetch_wait_seconds: PositiveFloat = Field(
        0.5, description="How long Kafka may hold a fetch open while there is nothing new; it answers once there is."
    )
    commit_interval_seconds: PositiveFloat = Field(1.0, description="Time between two commits of published offsets.")

    no_assignment_restart_seconds: PositiveFloat = Field(
        120.0,
        description="A consumer that the group tells nothing for so long is made anew.",
    )
    unanswered_restart_seconds: PositiveFloat = Field(
        120.0,
        description="A consumer of which Kafka answers no fetch, or takes no commit, for so long is made anew.",
    )
    metadata_refresh_seconds: PositiveFloat = Field(
        60.0, description="How soon a topic that was created, or partitions that were added, are noticed."
    )
    release_after_seconds: PositiveFloat = Field(
        30.0,
        description="A pod that does not reach Redis for so long leaves its partitions to others until it does.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.security_protocol.startswith("SASL") and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if self.heartbeat_interval_seconds * 2 > self.session_timeout_seconds:
            raise ValueError("session_timeout_seconds must be at least twice heartbeat_interval_seconds")
        if self.no_assignment_restart_seconds <= self.session_timeout_seconds:
            # A group waits that long for members that do not answer before it tells the others anything.
            raise ValueError("no_assignment_restart_seconds must be above session_timeout_seconds")
        if self.unanswered_restart_seconds < self.fetch_wait_seconds * 2:
            # Kafka answers a fetch of nothing only then; a consumer would be made anew without end.
            raise ValueError("unanswered_restart_seconds must be at least twice fetch_wait_seconds")
        if self.dead_letter_topic in self.topics.by_event().values():
            # A dead letter would come back as a record, and so without end.
            raise ValueError("dead_letter_topic must not be a topic of events")
        return self
