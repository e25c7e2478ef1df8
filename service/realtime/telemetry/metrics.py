"""All metrics of a pod, as `declared` has them. Labels are countable: never a user, a room or an event's id."""

from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from realtime.telemetry.declared.intake import IntakeMetrics
from realtime.telemetry.declared.process import ProcessMetrics
from realtime.telemetry.declared.redis import RedisMetrics
from realtime.telemetry.declared.reliability import ReliabilityMetrics
from realtime.telemetry.declared.sockets import SocketMetrics

AREAS: Final = (SocketMetrics, IntakeMetrics, RedisMetrics, ReliabilityMetrics, ProcessMetrics)

# Nobody asks when each series was made, and it would be told with each scrape: a third of all that is told.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics(SocketMetrics, IntakeMetrics, RedisMetrics, ReliabilityMetrics, ProcessMetrics):
    """All metrics of one pod, in a registry of their own, so that a process may hold several pods."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        for area in AREAS:
            area.__init__(self, registry)
