"""Settings -> what begins spans."""

from realtime.settings import TracingSettings
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, Tracing


def start_tracing(settings: TracingSettings, pod: str, version: str, metrics: Metrics) -> Tracing:
    """Make what `settings` ask for; `pod` and `version` are told with each trace."""
    if settings.endpoint is None:
        return NO_TRACING
    # A tenth of a second and megabytes, which a pod that traces nothing does without.
    from realtime.telemetry.otlp import OtlpTracing  # noqa: PLC0415

    return OtlpTracing(settings, pod, version, metrics.trace_spans_dropped)
