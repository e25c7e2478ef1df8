"""The process itself: what runs here, and what stops everybody at once."""

import platform

from prometheus_client import CollectorRegistry, Gauge

import realtime
from realtime.telemetry.counting import QuickHistogram
from realtime.telemetry.declared.buckets import STALL_BUCKETS_SECONDS


class ProcessMetrics:
    """Process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.event_loop_lag = QuickHistogram(
            "realtime_event_loop_lag_seconds",
            "How late the event loop is, asked ten times a second; a stall counts for each time that it has covered.",
            buckets=STALL_BUCKETS_SECONDS,
            registry=registry,
        )
        self.gc_pauses = QuickHistogram(
            "realtime_gc_pause_seconds",
            "How long Python's garbage collector stopped this pod, each time.",
            buckets=STALL_BUCKETS_SECONDS,
            registry=registry,
        )
        self.build_info = Gauge(
            "realtime_build_info", "1, with what runs here as labels.", ["version", "python"], registry=registry
        )
        self.build_info.labels(realtime.__version__, platform.python_version()).set(1)
