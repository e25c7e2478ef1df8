"""Times as JavaScript writes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.clock import SystemClock, iso_utc
from unit.fakes import NOON, NOON_MS


@pytest.mark.parametrize(
    ("unix_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (NOON_MS, NOON),
        (1_763_890_000_123, "2025-11-23T09:26:40.123Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_written_in_utc_with_milliseconds(unix_ms: int, text: str) -> None:
    assert iso_utc(unix_ms) == text


@given(st.integers(0, 4_102_444_800_000))
def test_no_millisecond_is_lost(unix_ms: int) -> None:
    read = datetime.fromisoformat(iso_utc(unix_ms))
    assert (read - datetime.fromtimestamp(0, UTC)).total_seconds() * 1_000 == pytest.approx(unix_ms, abs=0.01)


def test_the_system_clock_tells_this_centurys_time_and_never_goes_back() -> None:
    clock = SystemClock()
    assert 1_700_000_000_000 < clock.wall_ms() < 4_102_444_800_000
    first = clock.monotonic_seconds()
    assert clock.monotonic_seconds() >= first
