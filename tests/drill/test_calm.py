"""Whether a panel told: what counts as away from calm, and what is but noise."""

import math

import pytest

from drill.calm import Points, told

CALM = [10.0, 11.0, 10.5, 10.2, 10.8]


def points(calm: list[float], after: list[float], step: float = 2.0) -> Points:
    before = [(-(len(calm) - number) * step, value) for number, value in enumerate(calm)]
    return [*before, *((number * step, value) for number, value in enumerate(after))]


def first_told(calm: list[float], after: list[float], thresholds: tuple[float, ...] = ()) -> float | None:
    found = told({"a": points(calm, after)}, thresholds, until=1_000)
    return None if found is None else found.first


@pytest.mark.parametrize(
    ("after", "first"),
    [
        ([10.1, 10.9, 11.2, 9.9], None),  # within its range and a little
        ([10.1, 30.0, 31.0, 10.0], 2.0),
        ([10.1, 0.0, 0.0], 2.0),  # a rate that ends
        ([10.1, 30.0, 10.0, 30.0], None),  # one sample alone is noise
        ([math.nan, math.nan], None),  # nothing is shown
        ([10.0, math.nan, 30.0, 31.0], 4.0),
    ],
)
def test_a_value_that_leaves_its_range_tells(after: list[float], first: float | None) -> None:
    assert first_told(CALM, after) == first


def test_a_value_that_never_moved_tells_when_it_moves() -> None:
    assert first_told([0.0] * 5, [0.0, 0.0, 1.0, 1.0]) == 4.0


def test_a_change_of_colour_tells_even_within_the_range() -> None:
    assert first_told([1.0, 2.9], [2.0, 3.0, 3.0], thresholds=(3.0,)) == 2.0
    assert first_told([1.0, 2.9], [2.0, 3.0, 3.0]) is None


def test_a_series_that_appears_tells_unless_it_is_nothing() -> None:
    assert first_told([], [0.0, 0.0, 5.0, 5.0]) == 4.0
    assert first_told([], [0.0, 0.0, 0.0]) is None


def test_of_several_series_the_first_tells_and_it_is_over_when_the_last_is() -> None:
    series = {"a": points(CALM, [10.0, 10.0, 30.0, 30.0, 10.0]), "b": points(CALM, [30.0, 30.0, 10.0, 10.0, 10.0])}
    found = told(series, (), until=1_000)
    assert found is not None
    assert (found.first, found.last) == (0.0, 6.0)
    assert found.calm == "10 to 11"


def test_what_comes_after_the_watch_does_not_count() -> None:
    assert told({"a": points(CALM, [10.0, 10.0, 30.0, 30.0])}, (), until=3) is None


def test_it_says_what_it_showed_then_and_why() -> None:
    found = told({"a": points(CALM, [10.5, 40.0, 20.0])}, (), until=1_000)
    assert found is not None
    assert (found.then, found.why) == ("20 to 40", "left its range")
