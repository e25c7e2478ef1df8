"""An event's way, on one screen: record -> decode -> route -> publish."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from realtime.broker.base import Outcome, Publication, PublishedRecord, RecordBatch
from realtime.delivery.publisher import Publisher
from realtime.errors import DependencyError, InvalidEvent, RecordError, UnknownEventType, UnreadableRecord
from realtime.events.catalog import FACTS
from realtime.intake.dead_letter import DeadLetter
from realtime.intake.decode import Decoder
from realtime.intake.record import Partition, Record
from realtime.intake.traces import BatchTraces
from realtime.resilience.breaker import Breaker
from realtime.resilience.retry import until_available
from realtime.routing.routes import Router
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.tracing import NO_TRACING, Span, Tracing

log = structlog.get_logger(__name__)


# About a millisecond's work; then sockets and the other partitions have their turn.
RECORDS_A_TURN: Final = 50


class DeadLetters(Protocol):
    """Where records go that cannot become events."""

    async def send(self, letter: DeadLetter) -> None:
        """Return once it is kept. Raises `KafkaUnavailable`."""
        ...


class Pipeline:
    """Takes a partition's records, in order, to the rooms of those who may see them."""

    def __init__(
        self,
        decoder: Decoder,
        router: Router,
        publisher: Publisher,
        dead_letters: DeadLetters,
        kafka: Breaker,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
        group_id: str = "",
    ) -> None:
        """`group_id` is told in traces."""
        self._decoder = decoder
        self._router = router
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._kafka = kafka
        self._metrics = metrics
        start_at_zero(metrics.events, FACTS, ["published", "dead_letter", "skipped"])
        start_at_zero(metrics.events, ["unknown"], ["dead_letter"])
        errors = [error.code for error in (UnreadableRecord, UnknownEventType, InvalidEvent)]
        start_at_zero(metrics.dead_letters, [*errors, "internal"])
        self._tracing = tracing
        self._group_id = group_id

    async def handle(self, partition: Partition, after: int, records: Sequence[Record]) -> Outcome:
        """Publish consecutive records of a partition; each becomes messages or a dead letter, none is lost.

        `after` is the offset of the last record known to be published. Returns only when the broker has answered; while
        Kafka (for dead letters) or Redis is away, it waits.
        """
        published: list[PublishedRecord] = []
        types: list[str | None] = []  # of the records' events; None for a dead letter, which has been counted
        traces, outcome = BatchTraces(self._tracing, self._group_id), None
        try:
            for place, record in enumerate(records):
                with traces.process(place, record) as span:
                    event_type, publications = await self._take(record, span, traces)
                types.append(event_type)
                published.append(PublishedRecord(record.offset, publications))
                if len(types) % RECORDS_A_TURN == 0:
                    await asyncio.sleep(0)
            outcome = await self._publisher.publish_records(
                RecordBatch(partition.topic, partition.number, after, published)
            )
        finally:
            traces.end(outcome, types)
        if not outcome.behind:  # else all of them come again
            self._count("skipped", types[: outcome.skipped_records])
            self._count("published", types[outcome.skipped_records :])
        return outcome

    async def _take(self, record: Record, span: Span, traces: BatchTraces) -> tuple[str | None, Sequence[Publication]]:
        try:
            event = self._decoder.decode(record)
            messages = self._router.route(event)
            return event.type, self._publisher.prepare(event, messages, traces.publish(span, len(messages)))
        except RecordError as error:
            span.fail(error.code)
            await self._set_aside(DeadLetter(record, error.code, str(error)))
        except Exception as error:
            # A bug of ours; the records behind this one must not wait until it is mended.
            span.fail(type(error).__name__)
            log.exception("record_failed", record=record.place)
            self._metrics.bugs.labels("pipeline").inc()
            await self._set_aside(DeadLetter(record, "internal", f"{type(error).__name__}: {error}"))
        return None, ()

    def _count(self, outcome: str, types: Sequence[str | None]) -> None:
        for event_type, events in Counter(types).items():
            if event_type is not None:
                self._metrics.events.labels(event_type, outcome).inc(events)

    async def _set_aside(self, letter: DeadLetter) -> None:
        self._metrics.events.labels(self._decoder.event_type(letter.record) or "unknown", "dead_letter").inc()
        log.warning("dead_letter", record=letter.record.place, code=letter.code, reason=letter.reason)
        await until_available(self._kafka, lambda: self._dead_letters.send(letter), self._note_failure)
        self._metrics.dead_letters.labels(letter.code).inc()

    def _note_failure(self, error: DependencyError) -> None:
        log.warning("dead_letter_failed", error=str(error))
