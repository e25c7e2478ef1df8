"""Costs are found again in what they made, and nothing is found to cost less than nothing."""

import pytest

from model.fit import Point, fit, fit_from_rest, predict

COSTS = {"always": 0.005, "records": 0.0004, "deliveries": 0.00002}
DONE = [
    {"always": 1.0, "records": 0.0, "deliveries": 0.0},
    {"always": 1.0, "records": 40.0, "deliveries": 80.0},
    {"always": 1.0, "records": 40.0, "deliveries": 800.0},
    {"always": 1.0, "records": 10.0, "deliveries": 2_000.0},
]


def points(costs: dict[str, float], noise: float = 0.0) -> list[Point]:
    wrong = [1 + noise, 1 - noise, 1 + noise / 2, 1 - noise / 2]
    return [Point(1, "p", predict(costs, done) * w, done) for done, w in zip(DONE, wrong, strict=True)]


def test_costs_are_found_again() -> None:
    assert fit(points(COSTS)) == pytest.approx(COSTS)


def test_noise_of_some_percent_errs_by_some_percent() -> None:
    found = fit(points(COSTS, noise=0.02))

    for point in points(COSTS):
        assert predict(found, point.done) == pytest.approx(point.measured, rel=0.05)


def test_what_costs_nothing_is_never_found_to_cost_less() -> None:
    found = fit(points(COSTS | {"deliveries": 0.0}, noise=0.02))

    assert min(found.values()) >= 0


def test_what_is_done_in_idleness_is_fitted_to_idle_phases_alone() -> None:
    idle = [Point(1, "idle", COSTS["always"], DONE[0])]
    # All work seems dearer than it is, which must not be taken for the price of being there.
    work = [Point(1, "orders", predict(COSTS, done) * 1.2, done) for done in DONE[1:]]
    burst = [Point(1, "burst", predict(COSTS, DONE[1]) / 3, DONE[1])]

    found = fit_from_rest([*idle, *work, *burst])

    assert found["always"] == pytest.approx(COSTS["always"])
    assert found["records"] > COSTS["records"]
