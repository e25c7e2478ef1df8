"""Messages -> rooms: the only way out, for Kafka's events and for REST alike."""

from collections.abc import Sequence
from typing import Final

import structlog

from realtime.broker.base import NOT_MEASURED, Broker, Outcome, Publication, RecordBatch
from realtime.errors import DependencyError, RedisUnavailable
from realtime.events.envelope import Event
from realtime.protocol.messages import Message, encode_packets
from realtime.resilience.breaker import Breaker
from realtime.resilience.retry import until_available
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import Kind, current_span

log = structlog.get_logger(__name__)

# The span of a publication; a message carries the trace on from it.
PUBLISH: Final = "publish"
# https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
PUBLISH_ATTRIBUTES: Final = {
    "messaging.system": "redis",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
}


class Publisher:
    """Publishes messages into rooms, on whatever pods these have members."""

    def __init__(self, broker: Broker, breaker: Breaker, metrics: Metrics) -> None:
        self._broker = broker
        self._breaker = breaker
        self._metrics = metrics
        start_at_zero(metrics.publications, ["kafka", "rest"])
        start_at_zero(metrics.publish_failures, [RedisUnavailable.code])

    @staticmethod
    def prepare(event: Event, messages: Sequence[Message], traceparent: str | None = None) -> list[Publication]:
        """Encode an event's messages, once for the whole cluster; `traceparent` is of the span that does it, if any."""
        carried = traceparent or event.traceparent
        measured_ms = event.occurred_ms if event.is_measured else NOT_MEASURED
        return [
            Publication(packet, message.rooms, measured_ms, message.conflation_key, carried)
            for message, packet in zip(messages, encode_packets(messages), strict=True)
        ]

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        """Publish a batch of a partition's records exactly once, trying until Redis takes it.

        An attempt whose answer was lost does no harm: the position has moved with it, and the next one is skipped.
        """
        outcome = await until_available(self._breaker, lambda: self._broker.publish_records(batch), self._note_failure)
        self._metrics.publications.labels("kafka").inc(outcome.published)
        return outcome

    async def publish_event(self, event: Event, messages: Sequence[Message], idempotency_key: str | None) -> bool:
        """Publish what a REST request asks for; False if a request with the same key has been published before.

        Raises `RedisUnavailable` at once: the caller waits for an answer, and may repeat itself safely.
        """
        span = current_span().child(PUBLISH, Kind.PRODUCER)
        span.describe({**PUBLISH_ATTRIBUTES, "messaging.batch.message_count": len(messages)})
        try:
            publications = self.prepare(event, messages, span.traceparent)
            fresh = await self._breaker.call(lambda: self._broker.publish_once(publications, idempotency_key))
        except DependencyError as error:
            span.fail(error.code)
            raise
        finally:
            span.end()
        if fresh:
            self._metrics.publications.labels("rest").inc(len(messages))
        return fresh

    def _note_failure(self, error: DependencyError) -> None:
        self._metrics.publish_failures.labels(error.code).inc()
        log.warning("publish_failed", error=str(error))
