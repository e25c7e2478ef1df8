"""Traces, as the rest of the house sees them: spans begin here, and what is not traced costs next to nothing.

OpenTelemetry itself stands behind `otlp.py`, which `start_tracing.py` loads only where traces are sent.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from enum import Enum, auto
from typing import Final, Self

Attributes = Mapping[str, str | int | float | bool]


class Kind(Enum):
    """What part a span plays between services, in OpenTelemetry's words."""

    SERVER = auto()
    CONSUMER = auto()
    PRODUCER = auto()


class Span:
    """A piece of work within a trace. This one is of no trace: all that is not sampled shares it, as `NO_SPAN`.

    Used as a context manager a span is the current one, which log lines name; that does not end it.
    """

    __slots__ = ()

    is_sampled = False
    traceparent: str | None = None
    """What carries the trace on from here."""
    trace_id = ""
    span_id = ""

    def child(self, name: str, kind: Kind) -> "Span":  # noqa: ARG002 - nothing comes of nothing
        """Begin a span within this one."""
        return self

    def link(self, other: "Span") -> None:
        """Name a span, of this trace or another, that this one has to do with."""

    def describe(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Say more about it; see OpenTelemetry's semantic conventions for the names."""

    def fail(self, error_type: str) -> None:
        """Say that the work failed, and how: an error's code, or its class; never its words, which may be personal."""

    def end(self) -> None:
        """The work is done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


NO_SPAN: Final = Span()
_current: ContextVar[Span] = ContextVar("realtime_span", default=NO_SPAN)


def current_span() -> Span:
    """The span whose work is being done, or `NO_SPAN`."""
    return _current.get()


class Tracing:
    """Where spans begin. This one begins none: no endpoint is set."""

    def begin(
        self,
        name: str,  # noqa: ARG002
        kind: Kind,  # noqa: ARG002
        traceparent: str | None = None,  # noqa: ARG002
        linked: str | None = None,  # noqa: ARG002
    ) -> Span:
        """Continue the trace of a header if that is sampled; without one, or a good one, begin one in so many.

        `linked` is the header of a stranger: it is named, if the span is sampled anyway, and decides nothing.
        """
        return NO_SPAN

    def follow(self, name: str, kind: Kind, traceparent: str) -> Span:  # noqa: ARG002
        """Continue the trace of a header if that is sampled; else begin none."""
        return NO_SPAN

    async def close(self) -> None:
        """Send what waits, for a moment; nobody waits longer for a collector that does not answer."""


NO_TRACING: Final = Tracing()


def link_all(spans: Sequence[Span]) -> None:
    """Link spans whose work was done in one: the first names all others, and each of these the first."""
    for other in spans[1:]:
        spans[0].link(other)
        other.link(spans[0])
