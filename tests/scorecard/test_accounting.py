"""What is counted, and who is called best."""

import pytest

from bench.measurements import Metric, Summary
from scorecard.lines import Line, best_of, number
from scorecard.rows.losses import count

SHARE = Metric("drops/delivered", "delivered", "%")
LATENCY = Metric("latency/p50", "p50", "ms", more_is_better=False)


def _of(*values: float) -> list[Summary | None]:
    return [Summary(value, value, value, 1) for value in values]


@pytest.mark.parametrize(
    ("heard", "delivered", "repeated", "disordered"),
    [
        ([1, 2, 3], 3, 0, 0),
        ([1, 3], 2, 0, 0),
        ([1, 2, 2, 3], 3, 1, 0),
        ([1, 3, 2], 3, 0, 1),
        ([2, 3, 1, 3], 3, 1, 1),
        ([1, 2, 3, 4, 5], 3, 0, 0),  # what was written to see that it is over
        ([], 0, 0, 0),
    ],
)
def test_what_is_owed_is_delivered_once_and_in_order_or_counted(
    heard: list[int], delivered: int, repeated: int, disordered: int
) -> None:
    assert count(heard, 3) == (delivered, repeated, disordered)


def test_the_best_are_those_that_no_noise_tells_apart() -> None:
    assert best_of(LATENCY, [*_of(2.0, 2.03, 2.2), None]) == {0, 1}


def test_a_share_of_99_99_is_not_all() -> None:
    assert best_of(SHARE, _of(100.0, 99.999)) == {0}
    assert number("%", 99.9999) == "99.99"
    assert number("%", 100.0) == "100"


def test_a_cell_tells_the_spread() -> None:
    line = Line(LATENCY, [Summary(2.5, 2.0, 3.0, 2), None], {0})

    assert [line.text(0), line.text(1)] == ["2.5 [2..3]", "-"]
