"""A percentile is one of the values, by nearest rank."""

import pytest

from tool.quantities import percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3, 1, 2], 0.5, 2),
        ([1, 2, 3, 4], 0.5, 2),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 1.0, 100),
        (range(1, 101), 0.0, 1),
        ([7], 0.99, 7),
        ([], 0.5, None),
    ],
)
def test_a_share_of_the_values_does_not_exceed_it(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_histogram_counts_as_its_values_would() -> None:
    histogram = {10: 98, 20: 1, 30: 1}

    assert [percentile(histogram, share) for share in (0.5, 0.98, 0.99, 1.0)] == [10, 10, 20, 30]
    assert percentile({}, 0.5) is None
