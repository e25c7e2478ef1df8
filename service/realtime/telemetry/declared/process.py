"""The process itself: what runs here, and what stops everybody at once."""

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge

import realtime
from realtime.telemetry.counting import QuickHistogram, start_at_zero
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
        self.asyncio_tasks = Gauge(
            "realtime_asyncio_tasks",
            "Tasks of the event loop that have not ended. Connections have none of their own while nothing is said.",
            registry=registry,
        )
        self.build_info = Gauge(
            "realtime_build_info", "1, with what runs here as labels.", ["version", "python"], registry=registry
        )
        self.build_info.labels(realtime.__version__, platform.python_version()).set(1)
        self.trace_spans_dropped = Counter(
            "realtime_trace_spans_dropped_total",
            "Spans that no collector has, by reason: queue_full (it is too slow), export_failed, at_end (of the pod).",
            ["reason"],
            registry=registry,
        )
        start_at_zero(self.trace_spans_dropped, ["at_end", "export_failed", "queue_full"])
