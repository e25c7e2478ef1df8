"""The spans of a batch of records: `process` for each one that is traced, and within it `publish`."""

from collections.abc import Sequence
from typing import Final

from realtime.broker.base import Outcome
from realtime.delivery.publisher import PUBLISH, PUBLISH_ATTRIBUTES
from realtime.intake.decode import read_traceparent
from realtime.intake.record import Record
from realtime.telemetry.tracing import NO_SPAN, NO_TRACING, Kind, Span, Tracing, link_all

# https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
PROCESS_ATTRIBUTES: Final = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
}


class BatchTraces:
    """One batch's. A record's spans last until Redis has answered for all of the batch, or it is given up."""

    def __init__(self, tracing: Tracing, group_id: str) -> None:
        self._tracing = tracing
        self._group_id = group_id
        self._processing: list[tuple[int, Span]] = []  # place in the batch, span
        self._publishing: list[Span] = []

    def process(self, place: int, record: Record) -> Span:
        """Begin with a record; the producer's trace is continued, if it is sampled."""
        if self._tracing is NO_TRACING:
            return NO_SPAN
        span = self._tracing.begin("process", Kind.CONSUMER, read_traceparent(record))
        if span is not NO_SPAN:
            topic, partition = record.partition
            span.describe(
                {
                    **PROCESS_ATTRIBUTES,
                    "messaging.destination.name": topic,
                    "messaging.destination.partition.id": str(partition),
                    "messaging.kafka.offset": record.offset,
                    "messaging.consumer.group.name": self._group_id,
                    "messaging.message.body.size": len(record.value or b""),
                },
                name=f"process {topic}",
            )
            self._processing.append((place, span))
        return span

    def publish(self, span: Span, messages: int) -> str | None:
        """A record's messages are on their way; the trace is carried on by what is returned."""
        if span is NO_SPAN:
            return None
        publishing = span.child(PUBLISH, Kind.PRODUCER)
        publishing.describe({**PUBLISH_ATTRIBUTES, "messaging.batch.message_count": messages})
        self._publishing.append(publishing)
        return publishing.traceparent

    def end(self, outcome: Outcome | None, types: Sequence[str | None]) -> None:
        """Say what became of the batch; None: it was given up. `types` are of its records' events, None: dead letters.

        What was published by one call to Redis is linked: the first record's span names the others', and they it.
        """
        link_all(self._publishing)
        for span in self._publishing:
            span.end()
        for place, span in self._processing:
            span.describe({"realtime.outcome": _told(place, outcome, types)})
            span.end()


def _told(place: int, outcome: Outcome | None, types: Sequence[str | None]) -> str:
    if outcome is None:
        return "given_up"
    if outcome.behind:
        return "comes_again"
    if types[place] is None:
        return "dead_letter"
    return "skipped" if place < outcome.skipped_records else "published"
