"""Where panels send their reader: the other dashboards, and docs/."""

from typing import Final

from realtime_dashboards.panels import Link

OVERVIEW: Final = Link("Overview", "realtime-overview")
INTAKE: Final = Link("Intake (Kafka)", "realtime-intake")
SOCKETS: Final = Link("Sockets and rooms", "realtime-sockets")
REDIS: Final = Link("Redis", "realtime-redis")
RELIABILITY: Final = Link("Reliability", "realtime-reliability")
CAPACITY: Final = Link("Capacity", "realtime-capacity")

DEAD_LETTERS: Final = Link("Looking at dead letters, and replaying them", "dead-letters.md")
GUARANTEES: Final = Link("What is promised, and where it ends", "guarantees.md")
CLIENTS: Final = Link("What clients are told", "clients.md")
PRODUCERS: Final = Link("What producers may write", "producers.md")
REDIS_NEEDS: Final = Link("What Redis has to be like", "redis.md")
SETTINGS: Final = Link("Settings", "configuration.md")
