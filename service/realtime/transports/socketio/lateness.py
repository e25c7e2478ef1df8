"""How late a message is, from its record in Kafka to this pod's sockets."""

from realtime.broker.base import NOT_MEASURED, Delivery
from realtime.telemetry.metrics import Metrics


def note_lateness(metrics: Metrics, delivery: Delivery, now_ms: int) -> None:
    """Measure a delivery that is being written to sockets, if it is to be measured."""
    if delivery.occurred_ms == NOT_MEASURED:
        return
    late_ms = now_ms - delivery.occurred_ms
    if late_ms < 0:
        metrics.future_timestamps.inc()
    metrics.delivery_latency.observe(max(0, late_ms) / 1_000, delivery.traceparent)
