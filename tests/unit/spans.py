"""Spans that are noted instead of sent."""

from typing import Self

from realtime.telemetry.tracing import Attributes, Kind, Span, Tracing, _current


class NotedSpan(Span):
    """Says what was said of it."""

    is_sampled = True

    def __init__(self, tracing: "NotedTracing", name: str, kind: Kind, parent: str | None) -> None:
        self.name = name
        self.kind = kind
        self.parent = parent
        self.attributes: dict[str, object] = {}
        self.links: list[Span] = []
        self.linked: str | None = None  # the header of a stranger
        self.error: str | None = None
        self.has_ended = False
        self._tracing = tracing
        tracing.spans.append(self)
        self.trace_id, self.span_id = f"{1:032x}", f"{len(tracing.spans):016x}"
        self.traceparent = f"00-{self.trace_id}-{self.span_id}-01"

    def child(self, name: str, kind: Kind) -> Span:
        return NotedSpan(self._tracing, name, kind, self.traceparent)

    def link(self, other: Span) -> None:
        self.links.append(other)

    def describe(self, attributes: Attributes, *, name: str | None = None) -> None:
        assert not self.has_ended
        self.attributes |= attributes
        self.name = name or self.name

    def fail(self, error_type: str) -> None:
        assert not self.has_ended
        self.error = error_type

    def end(self) -> None:
        assert not self.has_ended
        self.has_ended = True

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class NotedTracing(Tracing):
    """Samples everything."""

    def __init__(self) -> None:
        self.spans: list[NotedSpan] = []

    def begin(self, name: str, kind: Kind, traceparent: str | None = None, linked: str | None = None) -> Span:
        span = NotedSpan(self, name, kind, traceparent)
        span.linked = linked
        return span

    def follow(self, name: str, kind: Kind, traceparent: str) -> Span:
        return NotedSpan(self, name, kind, traceparent)
