"""The spans of a batch: what is said of each record, whatever becomes of the batch."""

from collections.abc import Sequence

import pytest

from realtime.broker.base import NO_POSITION, Outcome
from realtime.intake.traces import BatchTraces
from realtime.telemetry.tracing import NO_SPAN, NO_TRACING, current_span
from unit.records import LEAST, make_record
from unit.spans import NotedSpan, NotedTracing

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TYPE = "order.updated"


def traced(tracing: NotedTracing, outcome: Outcome | None, types: Sequence[str | None]) -> list[NotedSpan]:
    """Take a batch in that comes to this, and return its records' spans."""
    traces = BatchTraces(tracing, "group")
    for place, event_type in enumerate(types):
        record = make_record(TYPE, LEAST[TYPE], {"traceparent": TRACEPARENT.encode()}, offset=place)
        with traces.process(place, record) as span:
            assert current_span() is span
            if event_type is not None:
                assert traces.publish(span, 3) is not None
    assert not any(span.has_ended for span in tracing.spans)
    traces.end(outcome, types)
    assert all(span.has_ended for span in tracing.spans)
    return [span for span in tracing.spans if span.name != "publish"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(3), ["published", "dead_letter", "published", "published"]),
        (Outcome(3, skipped_records=1), ["skipped", "dead_letter", "published", "published"]),
        (Outcome(NO_POSITION, behind=True), ["comes_again"] * 4),
        (None, ["given_up"] * 4),
    ],
)
def test_each_span_says_what_became_of_its_record(outcome: Outcome | None, told: list[str]) -> None:
    spans = traced(NotedTracing(), outcome, [TYPE, None, TYPE, TYPE])
    assert [span.attributes["realtime.outcome"] for span in spans] == told
    assert [span.attributes["messaging.kafka.offset"] for span in spans] == [0, 1, 2, 3]
    assert {span.name for span in spans} == {f"process {TYPE}"}
    assert {span.parent for span in spans} == {TRACEPARENT}


def test_what_one_call_has_published_is_linked_by_its_first() -> None:
    tracing = NotedTracing()
    traced(tracing, Outcome(2), [TYPE, TYPE, TYPE])
    first, *others = [span for span in tracing.spans if span.name == "publish"]
    assert first.links == others
    assert all(other.links == [first] for other in others)
    assert {span.attributes["messaging.batch.message_count"] for span in (first, *others)} == {3}


def test_a_record_alone_is_linked_to_nothing() -> None:
    tracing = NotedTracing()
    traced(tracing, Outcome(0), [TYPE])
    assert [span.links for span in tracing.spans] == [[], []]


def test_what_is_not_traced_leaves_nothing_to_end() -> None:
    traces = BatchTraces(NO_TRACING, "group")
    span = traces.process(0, make_record(TYPE, LEAST[TYPE], {"traceparent": TRACEPARENT.encode()}))
    assert span is NO_SPAN
    assert traces.publish(span, 3) is None
    traces.end(None, [])
