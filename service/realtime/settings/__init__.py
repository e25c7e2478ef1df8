"""Settings, read once at start from the environment, and handed out section by section."""

from realtime.settings.clients import (
    AuthSettings,
    DrainSettings,
    HttpSettings,
    LimitSettings,
    SocketSettings,
    Transport,
)
from realtime.settings.environment import Sections, load_kafka_settings, load_sections, load_settings
from realtime.settings.kafka import KafkaSettings, TopicSettings
from realtime.settings.recovery import HistorySettings, OfflineSettings, PresenceSettings, RecoverySettings
from realtime.settings.redis import RedisSettings
from realtime.settings.redis_url import RedisUrl, Topology
from realtime.settings.secrets import secrets_of
from realtime.settings.sections import (
    BreakerSettings,
    PodSettings,
    Role,
    RoutingSettings,
    Settings,
    StatsSettings,
)
from realtime.settings.telemetry import LogSettings, SentrySettings, TracingSettings

__all__ = [
    "AuthSettings",
    "BreakerSettings",
    "DrainSettings",
    "HistorySettings",
    "HttpSettings",
    "KafkaSettings",
    "LimitSettings",
    "LogSettings",
    "OfflineSettings",
    "PodSettings",
    "PresenceSettings",
    "RecoverySettings",
    "RedisSettings",
    "RedisUrl",
    "Role",
    "RoutingSettings",
    "Sections",
    "SentrySettings",
    "Settings",
    "SocketSettings",
    "StatsSettings",
    "TopicSettings",
    "Topology",
    "TracingSettings",
    "Transport",
    "load_kafka_settings",
    "load_sections",
    "load_settings",
    "secrets_of",
]
