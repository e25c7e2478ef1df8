"""A leak is found, what only fills or swings is not, and every event is accounted for."""

import math
import random
from collections.abc import Callable

import pytest

from soak.judge import Account, Bound, Hearing, TooShort, trend
from soak.load import PER_SECOND, half_of
from soak.run import DESCRIPTORS, MB, REDIS_KEYS, RESIDENT, TASK_COUNT, THREADS, Plan

SECONDS, EVERY = 1_200, 5


def series(value_at: Callable[[float], float]) -> list[tuple[float, float]]:
    """Twenty minutes of samples."""
    return [(float(at), value_at(at)) for at in range(0, SECONDS, EVERY)]


def noise(size: float) -> float:
    return random.Random(7).gauss(0, size)


@pytest.mark.parametrize(
    ("bound", "value_at"),
    [
        # 90 MB, and a megabyte a minute: a socket's worth for each client that goes.
        (RESIDENT, lambda at: 90 * MB + at / 60 * MB + noise(0.5 * MB)),
        # One file more every ten seconds.
        (DESCRIPTORS, lambda at: 400 + at / 10 + 15 * math.sin(at)),
        (TASK_COUNT, lambda at: 60 + at / 20),
        (REDIS_KEYS, lambda at: 5_000 + at * 2 + noise(50)),
        (THREADS, lambda at: 4 + at // 200),
    ],
    ids=["memory", "descriptors", "tasks", "keys", "threads"],
)
def test_a_planted_leak_is_found(bound: Bound, value_at: Callable[[float], float]) -> None:
    assert trend("planted", series(value_at), bound).grows


@pytest.mark.parametrize(
    ("bound", "value_at"),
    [
        (RESIDENT, lambda at: 90 * MB + 40 * MB * min(1.0, at / 500) + noise(MB)),  # it has filled by half time
        (RESIDENT, lambda at: 90 * MB + (at % 100) / 100 * 2 * MB),  # garbage, collected now and then
        (DESCRIPTORS, lambda at: 400 + 15 * math.sin(at / 7)),  # clients come and go
        (REDIS_KEYS, lambda at: 9_000 - 3 * at),  # it gets less
        (THREADS, lambda _: 4),
        (TASK_COUNT, lambda at: 40 + (30 if at == 900 else 0)),  # once there was much to do
    ],
    ids=["fills", "garbage", "swings", "shrinks", "constant", "peak"],
)
def test_what_only_fills_or_swings_is_flat(bound: Bound, value_at: Callable[[float], float]) -> None:
    assert not trend("honest", series(value_at), bound).grows


def test_a_trend_says_how_much_it_is() -> None:
    found = trend("memory", series(lambda at: 100 + at), Bound(0.0, 1))

    assert found.slope_per_hour == pytest.approx(3_600)
    assert found.growth == pytest.approx(SECONDS / 2, abs=EVERY)
    assert found.mean == pytest.approx(100 + 0.75 * SECONDS, abs=EVERY)


@pytest.mark.parametrize("short", [[], [(0.0, 1.0)], [(float(at), 1.0) for at in range(15)]])
def test_too_few_samples_are_no_proof(short: list[tuple[float, float]]) -> None:
    with pytest.raises(TooShort):
        trend("memory", short, RESIDENT)


def test_what_is_left_out_comes_again_or_never_comes_is_counted() -> None:
    account = Account()
    hearing = Hearing(account)
    for _ in range(6):
        hearing.send()

    for number in (1, 2, 2, 4):
        hearing.hear(number)
    assert (account.sent, account.heard, account.lost, account.repeated) == (6, 3, 1, 1)
    assert not hearing.has_all

    hearing.end()
    assert account.lost == 3
    assert not account.is_good


def test_who_comes_back_must_go_on_where_they_were() -> None:
    assert Account(sent=3, heard=3, returns=2, recovered=2).is_good
    assert not Account(sent=3, heard=3, returns=2, recovered=1).is_good


def test_half_is_where_the_line_comes_to_half() -> None:
    assert half_of({50.0: 0.2, 200.0: 0.3}) == 500
    lowest, highest = PER_SECOND
    assert half_of({50.0: 0.6, 200.0: 0.9}) == lowest
    assert half_of({50.0: 0.1, 200.0: 0.1}) == highest


@pytest.mark.parametrize(("minutes", "seconds"), [(0.5, 15), (20, 100), (60, 300), (600, 300)])
def test_what_is_kept_of_who_is_gone_has_filled_before_half_time(minutes: float, seconds: int) -> None:
    plan = Plan(minutes, clients=100, churn=0.2, per_second=None)

    assert plan.lifetime_seconds == seconds
    assert 2 * plan.lifetime_seconds <= minutes * 30 or minutes < 1
