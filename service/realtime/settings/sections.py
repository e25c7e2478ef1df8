"""Every setting, in sections: its type, its default, its unit (in the name) and what it is for.

`docs/configuration.md` is generated from this file (`realtime docs`).
"""

import platform
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# RFC 7518 section 3.2: an HS256 key must have at least as many bits as the hash, 256.
MIN_SECRET_BYTES = 32


def _is_a_topic_name(name: str) -> str:
    # Kafka's own rule: org.apache.kafka.common.internals.Topic.
    legal = name.isascii() and all(c.isalnum() or c in "._-" for c in name)
    if not legal or not 1 <= len(name) <= 249 or name in {".", ".."}:
        raise ValueError(f"{name!r} is not a Kafka topic name (1 to 249 of a-z A-Z 0-9 . _ -)")
    return name


TopicName = Annotated[str, AfterValidator(_is_a_topic_name)]


def _split(text: object) -> object:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


class Section(BaseModel):
    """One section of the settings; frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Role(StrEnum):
    """What a pod does."""

    INTAKE = "intake"
    SOCKETS = "sockets"


class PodSettings(Section):
    """Who this pod is."""

    name: str = Field(
        default_factory=platform.node,
        min_length=1,
        max_length=253,
        description="What operators call this pod; in Kubernetes its own name, from the downward API.",
    )


class HttpSettings(Section):
    """The port that clients, REST, probes and Prometheus come in by."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - a pod is reached from outside itself
    port: int = Field(3009, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins that browsers may come from, separated by commas; `*`: any; empty: the same origin.",
    )
    body_max_bytes: PositiveInt = Field(65_536, description="Largest body of a REST request.")
    request_timeout_seconds: PositiveFloat = Field(
        10.0, description="How long a client may take to send a request; slower ones are cut."
    )
    tls_certificate_file: Path | None = Field(
        None, description="Certificate (PEM) to serve https and wss with; empty where an ingress does that."
    )
    tls_key_file: Path | None = Field(None, description="Private key (PEM) of that certificate.")

    @model_validator(mode="after")
    def _tls_takes_both(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file go together")
        return self

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, origins: object) -> object:
        return _split(origins)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            # RFC 6454 section 6.2: scheme, host and port, nothing behind.
            if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is not an origin such as https://shop.example")
        return origins


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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.security_protocol.startswith("SASL") and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if self.heartbeat_interval_seconds * 2 > self.session_timeout_seconds:
            raise ValueError("session_timeout_seconds must be at least twice heartbeat_interval_seconds")
        if self.dead_letter_topic in self.topics.by_event().values():
            # A dead letter would come back as a record, and so without end.
            raise ValueError("dead_letter_topic must not be a topic of events")
        return self


class RedisSettings(Section):
    """Where rooms are shared."""

    url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="`redis://`, `rediss://` (TLS) or `unix://`; a secret, since it may hold a password.",
    )
    key_prefix: str = Field(
        "realtime", pattern="^[A-Za-z0-9_.-]{1,64}$", description="First part of every key and channel."
    )
    command_timeout_seconds: PositiveFloat = Field(5.0, description="How long one command may take.")
    connect_timeout_seconds: PositiveFloat = Field(2.0, description="How long connecting may take.")
    heartbeat_interval_seconds: PositiveFloat = Field(
        1.0,
        description="Time between two heartbeats that a pod sends to itself through Redis; three unheard: not ready.",
    )
    unsubscribe_delay_seconds: float = Field(
        2.0,
        ge=0,
        description="How long an empty room stays subscribed, in case its client is only reconnecting.",
    )

    @field_validator("url")
    @classmethod
    def _can_be_connected_to(cls, url: SecretStr) -> SecretStr:
        scheme = url.get_secret_value().partition("://")[0]
        if scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("the URL must begin with redis://, rediss:// or unix://")
        try:
            _ = urlsplit(url.get_secret_value()).port
        except ValueError:
            raise ValueError("the URL's host or port is not one") from None
        return url


class HistorySettings(Section):
    """What is kept of each room, so that nobody who returns has missed anything."""

    max_messages_per_room: PositiveInt = Field(
        1_000, description="Newest messages that are kept of a room (Redis may keep somewhat more)."
    )
    retention_seconds: PositiveInt = Field(
        86_400,
        description="A room's history is kept at least this long, and at most twice, after its newest message.",
    )
    idempotency_key_seconds: PositiveInt = Field(
        86_400, description="How long a REST request's `Idempotency-Key` is remembered."
    )


class PresenceSettings(Section):
    """How pods know which devices a user has on all of them."""

    lease_seconds: float = Field(
        5.0,
        ge=0.5,
        description="A pod that falls silent this long is gone, and its devices with it; renewed five times as often.",
    )


class RecoverySettings(Section):
    """How clients that return go on where they broke off."""

    session_seconds: PositiveInt = Field(
        600,
        description="How long a session can be resumed after its client has gone; each takes 0.5 KB of Redis.",
    )
    max_messages: PositiveInt = Field(
        5_000, description="Missed messages that a client is told when it returns; of more, it has to start anew."
    )
    concurrent_max: PositiveInt = Field(
        4, description="Clients of one pod that are told at once what they missed; others wait their turn."
    )


class OfflineSettings(Section):
    """What a user is told who comes back after having been away with all devices."""

    max_messages: PositiveInt = Field(100, description="The newest messages that wait for a user, at most.")
    max_age_seconds: PositiveInt = Field(
        86_400, description="How old they may be; no older than histories are kept (`history.retention_seconds`)."
    )


class AuthSettings(Section):
    """How identities are proven: one of `secret`, `public_key` and `public_key_file` must be set, without a default."""

    secret: SecretStr | None = Field(None, description=f"HS256 secret, at least {MIN_SECRET_BYTES} bytes.")
    public_key: SecretStr | None = Field(None, description="RS256 or ES256 public key, PEM.")
    public_key_file: Path | None = Field(None, description="File with the RS256 or ES256 public key, PEM.")
    issuer: str | None = Field(None, description="What `iss` must be; unchecked when unset.")
    audience: str | None = Field(None, description="What `aud` must contain; unset: a token with `aud` is refused.")
    leeway_seconds: float = Field(5.0, ge=0, le=300, description="Clock skew that is forgiven in `exp` and `nbf`.")
    insecure_development_mode: bool = Field(
        False,
        description="Believe a bare `?userId=` and its `?roles=`. Never where strangers can connect.",
    )

    @model_validator(mode="after")
    def _one_way_to_prove(self) -> Self:
        given = [name for name in ("secret", "public_key", "public_key_file") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"set one of {', '.join(given)}, not several")
        if not given and not self.insecure_development_mode:
            raise ValueError("set secret, public_key or public_key_file; there is no default")
        if self.secret is not None and len(self.secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"secret must have at least {MIN_SECRET_BYTES} bytes")
        return self


class SocketSettings(Section):
    """How sockets behave."""

    ping_interval_seconds: PositiveFloat = Field(25.0, description="Time between two Engine.IO pings.")
    ping_timeout_seconds: PositiveFloat = Field(
        20.0, description="A client that does not answer a ping this long is gone."
    )
    message_max_bytes: int = Field(
        65_536,
        ge=1_024,
        le=1_000_000,
        description="Largest message from a client; a larger one closes its socket.",
    )
    waiting_conflate_bytes: int = Field(
        65_536,
        ge=1_024,
        description="Above this, messages that wait for a slow client and supersede each other keep only the latest.",
    )
    waiting_max_bytes: int = Field(
        1_048_576,
        ge=4_096,
        description="What may wait for a slow client before its socket is closed; one turn's messages may exceed it.",
    )
    connect_timeout_seconds: PositiveFloat = Field(
        20.0, description="How long a client may stay connected without saying who it is."
    )
    join_timeout_seconds: PositiveFloat = Field(
        5.0, description="How long joining a room may take, before the client is sent to try again."
    )

    @model_validator(mode="after")
    def _conflates_before_it_closes(self) -> Self:
        if self.waiting_conflate_bytes > self.waiting_max_bytes:
            raise ValueError("waiting_conflate_bytes must not be above waiting_max_bytes")
        if self.message_max_bytes > self.waiting_max_bytes:
            raise ValueError("message_max_bytes must not be above waiting_max_bytes")
        return self


class LimitSettings(Section):
    """How much one client may ask for."""

    commands_per_second: PositiveFloat = Field(20.0, description="Commands a session may send, on average.")
    commands_burst: PositiveInt = Field(40, description="Commands a session may send at once.")
    refused_commands_max: PositiveInt = Field(
        200, description="Commands refused in a row for their rate before the session is closed."
    )
    rooms_per_session: PositiveInt = Field(200, description="Rooms a session may be in.")
    sessions_per_user: PositiveInt = Field(20, description="Sessions of one user on one pod.")
    sessions_per_pod: PositiveInt = Field(50_000, description="Sessions on one pod.")


class RoutingSettings(Section):
    """How events become messages."""

    low_stock_threshold: int = Field(
        10,
        ge=0,
        description="Stock at or below which admins are alerted, where the event names no `lowStockThreshold`.",
    )


class DrainSettings(Section):
    """How a pod leaves."""

    settle_seconds: float = Field(
        5.0,
        ge=0,
        description="Time between `not ready` and the first closed socket, for load balancers to notice.",
    )
    grace_seconds: PositiveFloat = Field(
        20.0, description="Time for intake to finish and for sockets to close; what is left then is cut."
    )
    retry_after_ms: int = Field(
        3_000, ge=0, description="Clients are told to come back after a random time up to this."
    )


class StatsSettings(Section):
    """How pods tell about themselves."""

    interval_seconds: PositiveFloat = Field(
        5.0, description="Time between two reports of a pod, and two `admin:stats` messages."
    )


class LogSettings(Section):
    """What is written to standard output."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="debug, info, warning or error."
    )
    format: Annotated[str, Field(pattern="^(auto|json|text)$")] = Field(
        "auto", description="json, text, or auto: text on a terminal, else json."
    )


class Settings(BaseSettings):
    """All settings. Read with `load_settings`, which also refuses names that nobody declared."""

    model_config = SettingsConfigDict(
        env_prefix="REALTIME_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    roles: Annotated[frozenset[Role], NoDecode] = Field(
        frozenset(Role), description="What this pod does: `intake`, `sockets`, or both, separated by a comma."
    )
    auth: AuthSettings
    pod: PodSettings = Field(default_factory=PodSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    presence: PresenceSettings = Field(default_factory=PresenceSettings)
    recovery: RecoverySettings = Field(default_factory=RecoverySettings)
    offline: OfflineSettings = Field(default_factory=OfflineSettings)
    sockets: SocketSettings = Field(default_factory=SocketSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    drain: DrainSettings = Field(default_factory=DrainSettings)
    stats: StatsSettings = Field(default_factory=StatsSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @field_validator("roles", mode="before")
    @classmethod
    def _split_roles(cls, roles: object) -> object:
        return _split(roles)

    @field_validator("roles")
    @classmethod
    def _some_role(cls, roles: frozenset[Role]) -> frozenset[Role]:
        if not roles:
            raise ValueError("a pod needs at least one role")
        return roles
