"""Whether clocks agree."""

import pytest

from realtime.doctor.clock import judge_clock, judge_newest_record
from realtime.doctor.finding import Status


@pytest.mark.parametrize(
    ("ahead", "uncertain", "status"),
    [
        (0.01, 0.0, Status.OK),
        (-0.9, 0.0, Status.OK),
        (1.5, 0.0, Status.WARN),
        (-3.0, 0.0, Status.WARN),
        (1.5, 1.0, Status.OK),  # the question itself took as long
        (90.0, 0.0, Status.FAIL),
    ],
)
def test_a_clock_that_is_off_is_found(ahead: float, uncertain: float, status: Status) -> None:
    finding = judge_clock("Redis", ahead, uncertain)
    assert finding.status is status
    if status is not Status.OK:
        assert ("ahead of" if ahead > 0 else "behind") in finding.told


@pytest.mark.parametrize(
    ("ahead", "status", "told"),
    [
        (0.5, Status.OK, "0.0 s old"),
        (-30, Status.OK, "30.0 s old"),
        (-7_200, Status.OK, "2 h old"),
        (5, Status.WARN, "5.0 s ahead"),
    ],
)
def test_a_record_of_the_future_tells_of_a_producer_whose_clock_is_wrong(
    ahead: float, status: Status, told: str
) -> None:
    finding = judge_newest_record(ahead)
    assert finding.status is status
    assert told in finding.told
