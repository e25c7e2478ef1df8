"""Traces sent by OpenTelemetry's SDK, as OTLP over HTTP: the one module that knows it.

Spans wait in a bounded queue for a thread that sends them. A collector that is away, slow or full costs spans, which
are counted, and never a delivery.
"""

import asyncio
import random
import threading
from collections.abc import Sequence
from contextvars import Token
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from prometheus_client import Counter

from realtime.settings import TracingSettings
from realtime.telemetry.trace_context import TraceContext, parse_traceparent
from realtime.telemetry.tracing import NO_SPAN, Attributes, Kind, Span, Tracing, _current

# Spans that are sent together, and how long they wait for others.
BATCH_SPANS: Final = 256
BATCH_MS: Final = 1_000
# What a pod that ends waits for the collector to take the rest.
CLOSE_SECONDS: Final = 2.0
MAX_LINKS: Final = 128
MAX_ATTRIBUTE_CHARACTERS: Final = 256
_KINDS: Final = {kind: trace.SpanKind[kind.name] for kind in Kind}


class RecordedSpan(Span):
    """A span that will be sent."""

    __slots__ = ("_otel", "_token", "_tracer")

    is_sampled = True

    def __init__(self, tracer: trace.Tracer, otel: trace.Span) -> None:
        self._tracer = tracer
        self._otel = otel
        self._token: Token[Span] | None = None

    @property
    def trace_id(self) -> str:  # type: ignore[override]
        """See `Span`."""
        return trace.format_trace_id(self._otel.get_span_context().trace_id)

    @property
    def span_id(self) -> str:  # type: ignore[override]
        """See `Span`."""
        return trace.format_span_id(self._otel.get_span_context().span_id)

    @property
    def traceparent(self) -> str:  # type: ignore[override]
        """See `Span`."""
        return TraceContext(self.trace_id, self.span_id, is_sampled=True).header()

    def child(self, name: str, kind: Kind) -> Span:
        """See `Span`."""
        within = trace.set_span_in_context(self._otel, Context())
        return RecordedSpan(self._tracer, self._tracer.start_span(name, within, _KINDS[kind]))

    def link(self, other: Span) -> None:
        """See `Span`."""
        if isinstance(other, RecordedSpan):
            self._otel.add_link(other._otel.get_span_context())  # noqa: SLF001 - its own class

    def describe(self, attributes: Attributes, *, name: str | None = None) -> None:
        """See `Span`."""
        self._otel.set_attributes(dict(attributes))
        if name is not None:
            self._otel.update_name(name)

    def fail(self, error_type: str) -> None:
        """See `Span`."""
        self._otel.set_attribute("error.type", error_type)
        self._otel.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        """See `Span`."""
        self._otel.end()

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None


class OtlpTracing(Tracing):
    """See `Tracing`."""

    def __init__(self, settings: TracingSettings, pod: str, version: str, dropped: Counter) -> None:
        assert settings.endpoint is not None
        self._ratio = settings.sampling_ratio
        exporter = OTLPSpanExporter(
            settings.traces_url, headers=settings.header_fields, timeout=settings.export_timeout_seconds
        )
        self._processor = _BoundedProcessor(exporter, settings.queue_max_spans, dropped)
        # What is sampled is decided in `begin`; a span that nobody sees is not made at all.
        provider = TracerProvider(
            ALWAYS_ON,
            Resource.create(
                {
                    "service.name": settings.service_name,
                    "service.version": version,
                    "service.instance.id": pod,
                }
            ),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_links=MAX_LINKS, max_span_attribute_length=MAX_ATTRIBUTE_CHARACTERS),
        )
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("realtime", version)

    def begin(self, name: str, kind: Kind, traceparent: str | None = None, linked: str | None = None) -> Span:
        """See `Tracing.begin`."""
        parent = None if traceparent is None else parse_traceparent(traceparent)
        if parent is not None:
            return self._start(name, kind, _remote(parent)) if parent.is_sampled else NO_SPAN
        if random.random() >= self._ratio:  # noqa: S311 - a choice, not a secret
            return NO_SPAN
        stranger = None if linked is None else parse_traceparent(linked)
        return self._start(name, kind, Context(), () if stranger is None else (trace.Link(_context(stranger)),))

    def follow(self, name: str, kind: Kind, traceparent: str) -> Span:
        """See `Tracing.follow`."""
        parent = parse_traceparent(traceparent)
        return NO_SPAN if parent is None or not parent.is_sampled else self._start(name, kind, _remote(parent))

    def _start(self, name: str, kind: Kind, context: Context, links: Sequence[trace.Link] = ()) -> Span:
        return RecordedSpan(self._tracer, self._tracer.start_span(name, context, _KINDS[kind], links=links))

    async def close(self) -> None:
        """See `Tracing.close`."""
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def send_the_rest() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            # Or the loop has not waited for it.
            if not loop.is_closed():
                loop.call_soon_threadsafe(closed.set)

        # Not an executor's thread, which Python would wait for at its end.
        threading.Thread(target=send_the_rest, name="last-spans", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await closed.wait()
        except TimeoutError:
            self._processor.give_up()


def _context(parent: TraceContext) -> trace.SpanContext:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.is_sampled else trace.TraceFlags.DEFAULT)
    return trace.SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)


def _remote(parent: TraceContext) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(_context(parent)), Context())


class _BoundedProcessor(BatchSpanProcessor):
    """The SDK's, which forgets the oldest span of a full queue and counts nothing: this one refuses new ones."""

    def __init__(self, exporter: SpanExporter, max_spans: int, dropped: Counter) -> None:
        self._max_spans = max_spans
        self._queue_full = dropped.labels("queue_full")
        self._counted = _CountedExporter(exporter, dropped)
        super().__init__(
            self._counted,
            # What is being sent waits, too, for us: so the SDK's own queue never overflows.
            max_queue_size=max_spans,
            schedule_delay_millis=BATCH_MS,
            max_export_batch_size=min(BATCH_SPANS, max_spans),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, if there is room for it."""
        if self._counted.waiting >= self._max_spans:
            self._queue_full.inc()
            return
        self._counted.expect_one()
        super().on_end(span)

    def give_up(self) -> None:
        """Count what waits as lost."""
        self._counted.give_up()


class _CountedExporter(SpanExporter):
    """Counts what is on its way, and what the collector has not taken."""

    def __init__(self, exporter: SpanExporter, dropped: Counter) -> None:
        self.waiting = 0
        self._exporter = exporter
        self._export_failed = dropped.labels("export_failed")
        self._at_end = dropped.labels("at_end")
        self._lock = threading.Lock()

    def expect_one(self) -> None:
        with self._lock:
            self.waiting += 1

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            with self._lock:
                self.waiting -= len(spans)
            if result is not SpanExportResult.SUCCESS:
                self._export_failed.inc(len(spans))
        return result

    def give_up(self) -> None:
        with self._lock:
            self._at_end.inc(self.waiting)

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
