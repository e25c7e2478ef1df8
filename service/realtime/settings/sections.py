"""Every setting, in sections: its type, its default, its unit (in the name) and what it is for.

`docs/configuration.md` is generated from these (`realtime docs`).
"""

import platform
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from realtime.settings.clients import AuthSettings, DrainSettings, HttpSettings, LimitSettings, SocketSettings
from realtime.settings.kafka import KafkaSettings
from realtime.settings.recovery import HistorySettings, OfflineSettings, PresenceSettings, RecoverySettings
from realtime.settings.redis import RedisSettings
from realtime.settings.section import Section, split_at_commas
from realtime.settings.telemetry import LogSettings, SentrySettings, TracingSettings


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


class RoutingSettings(Section):
    """How events become messages."""

    low_stock_threshold: int = Field(
        10,
        ge=0,
        description="Stock at or below which admins are alerted, where the event names no `lowStockThreshold`.",
    )


class BreakerSettings(Section):
    """When a dependency that is away (Redis, Kafka) is left alone for a moment."""

    failures: PositiveInt = Field(5, description="Failures in a row after which it is not asked by everybody any more.")
    open_seconds: PositiveFloat = Field(
        1.0, description="How long it is left alone before one caller tries again, for all others."
    )


class StatsSettings(Section):
    """How pods tell about themselves."""

    interval_seconds: PositiveFloat = Field(
        5.0, description="Time between two reports of a pod, and two `admin:stats` messages."
    )


def _some_role(roles: frozenset[Role]) -> frozenset[Role]:
    if not roles:
        raise ValueError("a pod needs at least one role")
    return roles


Roles = Annotated[frozenset[Role], NoDecode, BeforeValidator(split_at_commas), AfterValidator(_some_role)]


class Settings(BaseSettings):
    """All settings. Read with `load_settings`, which also refuses names that nobody declared."""

    model_config = SettingsConfigDict(
        env_prefix="REALTIME_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    roles: Roles = Field(
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
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    stats: StatsSettings = Field(default_factory=StatsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    sentry: SentrySettings = Field(default_factory=SentrySettings)

    @field_validator("offline")
    @classmethod
    def _histories_reach_as_far(cls, offline: OfflineSettings, info: ValidationInfo) -> OfflineSettings:
        # What waits for a user is read from the histories: what these have lost would be missing, and nobody told.
        history = info.data.get("history")
        if isinstance(history, HistorySettings):
            if offline.max_messages > history.max_messages_per_room:
                raise ValueError("max_messages must not be above REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM")
            if offline.max_age_seconds > history.retention_seconds:
                raise ValueError("max_age_seconds must not be above REALTIME_HISTORY__RETENTION_SECONDS")
        return offline
