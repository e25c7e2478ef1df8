"""W3C Trace Context, level 1: how a trace is carried from one service to the next, in one header."""

import re
from typing import Final, NamedTuple

# Section 3.2.2. Later versions may append more; nobody has yet, and what is not known is not passed on.
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LENGTH: Final = 55
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_SAMPLED: Final = 0x01


class TraceContext(NamedTuple):
    """A span of somebody's, as those who continue its trace know it; the ids are lower-case hex."""

    trace_id: str
    span_id: str
    is_sampled: bool

    def header(self) -> str:
        """Write the `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.is_sampled:02x}"


def parse_traceparent(text: str) -> TraceContext | None:
    """Read a `traceparent` header; None for anything that is not one, whatever a stranger has written there."""
    if len(text) != _LENGTH:
        return None
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))
