"""Numbers and lines are drawn as Grafana would write and draw them."""

import math

import pytest

from realtime_dashboards.pictures import theme
from realtime_dashboards.pictures.kinds import _runs
from realtime_dashboards.pictures.numbers import written


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0, "short", None, "0"),
        (12, "short", None, "12"),
        (1234, "short", None, "1.23 K"),
        (2_500_000, "short", None, "2.5 Mil"),
        (2.9999, "short", 0, "3"),
        (0.99951, "percentunit", 2, "99.95%"),
        (0.5, "percentunit", None, "50%"),
        (0.0123, "s", None, "12.3 ms"),
        (0, "s", None, "0 s"),
        (90, "s", None, "1.5 mins"),
        (3_600, "s", None, "1 hours"),
        (1536, "bytes", None, "1.5 KiB"),
        (0, "bytes", None, "0 B"),
        (40.2, "ops", None, "40.2 ops/s"),
        (0.123, "currencyUSD", None, "$0.123"),
        (math.nan, "s", None, "-"),
        (math.inf, "s", None, "∞"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, decimals: int | None, text: str) -> None:
    assert written(value, unit, decimals) == text


@pytest.mark.parametrize(("value", "colour"), [(0, "green"), (4.9, "green"), (5, "yellow"), (31, "red")])
def test_a_value_has_the_colour_of_the_level_that_it_has_reached(value: float, colour: str) -> None:
    steps = [{"value": None, "color": "green"}, {"value": 5, "color": "yellow"}, {"value": 30, "color": "red"}]
    assert theme.colour_of_level(value, {"steps": steps}) == theme.COLOURS[colour]


def test_shades_can_be_told_apart() -> None:
    assert theme.shades("blue", 1) == [theme.COLOURS["blue"]]
    assert len(set(theme.shades("blue", 6))) == 6


def test_a_state_is_one_band_until_it_changes_or_nothing_is_told() -> None:
    times = [float(n) for n in range(7)]
    assert _runs(times, [0, 0, 2, 2, math.nan, 2, 0]) == [(0, 2, 0), (2, 4, 2), (5, 6, 2), (6, 7, 0)]
