"""The token bucket: so many at once, so many a second."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.limits.bucket import TokenBucket


def taken(bucket: TokenBucket, attempts: int, at_seconds: float) -> int:
    return sum(bucket.take(at_seconds) for _ in range(attempts))


def test_a_burst_is_allowed_at_once_and_no_more() -> None:
    assert taken(TokenBucket(2, 5, 0.0), 10, at_seconds=0.0) == 5


def test_an_empty_bucket_fills_at_its_rate() -> None:
    bucket = TokenBucket(2, 5, 0.0)
    taken(bucket, 5, at_seconds=0.0)
    assert taken(bucket, 10, at_seconds=1.0) == 2
    assert taken(bucket, 10, at_seconds=1.25) == 0
    assert taken(bucket, 10, at_seconds=1.5) == 1


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    assert taken(TokenBucket(2, 5, 0.0), 100, at_seconds=1_000_000.0) == 5


def test_attempts_that_fail_cost_nothing() -> None:
    bucket = TokenBucket(1, 1, 0.0)
    taken(bucket, 1_000, at_seconds=0.0)
    assert bucket.take(1.0)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(1, 1, 100.0)
    bucket.take(100.0)
    assert not bucket.take(50.0)
    assert bucket.take(51.0)


@given(
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 1), max_size=100),
)
def test_never_more_than_burst_and_rate_together_allow(per_second: float, burst: int, pauses: list[float]) -> None:
    bucket = TokenBucket(per_second, burst, 0.0)
    now, allowed = 0.0, 0
    for pause in pauses:
        now += pause
        allowed += bucket.take(now)
    assert allowed <= burst + now * per_second + 1e-6
