"""Settings, read once at start from the environment, and handed out section by section."""

from realtime.settings.environment import load_settings
from realtime.settings.sections import (
    AuthSettings,
    DrainSettings,
    HistorySettings,
    HttpSettings,
    KafkaSettings,
    LimitSettings,
    LogSettings,
    PodSettings,
    PresenceSettings,
    RecoverySettings,
    RedisSettings,
    Role,
    RoutingSettings,
    Settings,
    SocketSettings,
    StatsSettings,
    TopicSettings,
)

__all__ = [
    "AuthSettings",
    "DrainSettings",
    "HistorySettings",
    "HttpSettings",
    "KafkaSettings",
    "LimitSettings",
    "LogSettings",
    "PodSettings",
    "PresenceSettings",
    "RecoverySettings",
    "RedisSettings",
    "Role",
    "RoutingSettings",
    "Settings",
    "SocketSettings",
    "StatsSettings",
    "TopicSettings",
    "load_settings",
]
