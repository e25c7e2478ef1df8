"""The `traceparent` header: what is one is read, and whatever else stands there is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.telemetry.trace_context import TraceContext, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("flags", "is_sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True), ("fe", False)]
)
def test_the_last_bit_of_the_flags_says_whether_a_trace_is_sampled(flags: str, is_sampled: bool) -> None:
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, is_sampled)


def test_a_header_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01") == TraceContext(TRACE, SPAN, is_sampled=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0\N{ARABIC-INDIC DIGIT ONE}",
        "0" * 1_000_000,
    ],
)
def test_what_is_no_header_is_nothing(text: str) -> None:
    assert parse_traceparent(text) is None


@given(st.text())
def test_whatever_a_stranger_writes_is_read_or_ignored(text: str) -> None:
    assert parse_traceparent(text) is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_can_be_read(trace: int, span: int, is_sampled: bool) -> None:
    context = TraceContext(f"{trace:032x}", f"{span:016x}", is_sampled)
    assert parse_traceparent(context.header()) == context
