"""A leak is found, what only fills or swings is not, and every event is accounted for."""

import math
from collections.abc import Callable
from random import Random
from unittest.mock import Mock

import pytest

from soak import load
from soak.bounds import BOUNDS
from soak.judge import PIECES, Account, Bound, Outcome, TooShort, trend
from soak.load import PER_SECOND, share_of_each, towards_half
from soak.run import Plan
from tool.numbered import Verdict
from tool.quantities import MB

SECONDS, EVERY = 1_200, 5
SEEDS = range(20)
Noise = Callable[[float], float]
Value = Callable[[float, Noise], float]


def series(value_at: Value, seed: int) -> list[tuple[float, float]]:
    """Twenty minutes of samples."""
    random = Random(seed)

    def noise(size: float) -> float:
        return random.gauss(0, size)

    return [(float(at), value_at(at, noise)) for at in range(0, SECONDS, EVERY)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("quantity", "value_at"),
    [
        # 90 MB, and a megabyte a minute: a socket's worth for each client that goes.
        ("resident memory", lambda at, noise: 90 * MB + at / 60 * MB + noise(0.5 * MB)),
        # One file more every ten seconds.
        ("descriptors", lambda at, noise: 1_200 + at / 10 + 15 * math.sin(at) + noise(5)),
        ("tasks", lambda at, noise: 600 + at / 10 + noise(5)),
        ("Redis keys", lambda at, noise: 5_000 + at * 2 + noise(50)),
        ("Redis memory", lambda at, noise: 20 * MB + at * 5_000 + noise(0.1 * MB)),
        ("threads", lambda at, _: 12 + at // 200),
    ],
    ids=["memory", "descriptors", "tasks", "keys", "bytes", "threads"],
)
def test_a_planted_leak_is_found(quantity: str, value_at: Value, seed: int) -> None:
    assert trend("planted", series(value_at, seed), BOUNDS[quantity]).outcome is Outcome.GROWS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("quantity", "value_at"),
    [
        # It has filled by half time.
        ("resident memory", lambda at, noise: 90 * MB + 40 * MB * min(1.0, at / 500) + noise(0.5 * MB)),
        ("resident memory", lambda at, _: 90 * MB + (at % 100) / 100 * 2 * MB),  # garbage, collected now and then
        ("descriptors", lambda at, noise: 1_200 + 15 * math.sin(at / 7) + noise(10)),  # clients come and go
        ("Redis keys", lambda at, noise: 9_000 - 3 * at + noise(50)),  # it gets less
        ("threads", lambda _at, _: 12),
        ("threads", lambda at, _: 12 + (at >= 900)),  # one is first needed late
        ("tasks", lambda at, _: 600 + (30 if at == 900 else 0)),  # once there was much to do
    ],
    ids=["fills", "garbage", "swings", "shrinks", "constant", "one-more", "peak"],
)
def test_what_only_fills_or_swings_is_flat(quantity: str, value_at: Value, seed: int) -> None:
    assert trend("honest", series(value_at, seed), BOUNDS[quantity]).outcome is Outcome.FLAT


@pytest.mark.parametrize("seed", SEEDS)
def test_what_swings_by_more_than_its_bound_is_not_called_flat(seed: int) -> None:
    found = trend("wild", series(lambda _, noise: 1_000 + noise(300), seed), Bound(0.0, 10, "a test's"))

    assert found.outcome is not Outcome.FLAT


def test_the_interval_holds_what_it_truly_grew_by_in_nineteen_of_twenty_runs() -> None:
    grown = SECONDS / 2 - EVERY
    found = [trend("known", series(lambda at, noise: at + noise(200), seed), Bound(0.0, 1, "")) for seed in range(400)]

    held = sum(abs(one.growth - grown) <= one.margin for one in found)
    assert 0.92 < held / len(found) < 0.98


def test_a_trend_says_how_much_it_is() -> None:
    found = trend("memory", series(lambda at, _: 100 + at, seed=0), Bound(0.0, 1, ""))

    assert found.at_most_per_hour == pytest.approx(3_600)
    assert found.growth == pytest.approx(SECONDS / 2, abs=EVERY)
    assert found.margin == pytest.approx(0, abs=1e-6)
    assert found.mean == pytest.approx(100 + 0.75 * SECONDS, abs=EVERY)


@pytest.mark.parametrize("short", [[], [(0.0, 1.0)], [(float(at), 1.0) for at in range(2 * PIECES - 2)]])
def test_too_few_samples_are_no_proof(short: list[tuple[float, float]]) -> None:
    with pytest.raises(TooShort):
        trend("memory", short, BOUNDS["resident memory"])


def test_events_must_come_once_and_in_order_and_who_comes_back_must_go_on_where_they_were() -> None:
    assert Account(Verdict(delivered=3), returns=2, recovered=2).is_good
    assert not Account(Verdict(delivered=3), returns=2, recovered=1).is_good
    assert not Account(Verdict(delivered=3, lost=1)).is_good
    assert not Account(Verdict(delivered=3, disordered=1)).is_good


async def test_half_is_tried_until_it_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    async def share_at(per_second: float, *_: object) -> float:
        return 0.1 + 0.4 * (per_second / 800) ** 0.5  # each is cheaper than the one before

    monkeypatch.setattr(load, "WARM_UP_SECONDS", 0)
    monkeypatch.setattr(load, "_share_at", share_at)
    found = await load.find_half(Mock(), list)

    assert found.tried is not None
    assert list(found.tried)[:2] == [50.0, 200.0]
    assert found.tried[found.per_second] == pytest.approx(0.5, abs=load.NEAR)


def test_half_is_where_the_line_comes_to_half() -> None:
    each = share_of_each({50.0: 0.2, 200.0: 0.3})
    assert towards_half(200, 0.3, each) == 500
    # At 500 it took less than half.
    assert towards_half(500, 0.4, each) == 650

    lowest, highest = PER_SECOND
    assert towards_half(200, 0.9, share_of_each({50.0: 0.6, 200.0: 0.9})) == lowest
    assert towards_half(200, 0.1, share_of_each({50.0: 0.1, 200.0: 0.1})) == highest


@pytest.mark.parametrize(("minutes", "seconds"), [(3, 45), (20, 100), (60, 300), (600, 300)])
def test_what_is_kept_of_who_is_gone_has_filled_before_half_time(minutes: float, seconds: int) -> None:
    plan = Plan(minutes, clients=100, churn=0.2, per_second=None)

    assert plan.lifetime_seconds == seconds
    assert 2 * plan.lifetime_seconds <= minutes * 30


def test_what_was_on_its_way_to_who_keeps_no_place_is_counted_and_not_judged() -> None:
    account = Account()
    account.add(Verdict(delivered=3), is_known=True)
    account.add(Verdict(delivered=5, lost=2, repeated=1), is_known=False)
    assert account.is_good
    assert (account.verdict, account.unknowable) == (Verdict(delivered=8), 3)
    account.add(Verdict(delivered=1, disordered=1), is_known=False)
    assert not account.is_good
