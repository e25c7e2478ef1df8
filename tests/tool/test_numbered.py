"""Numbered events are delivered, lost, repeated or disordered, by one definition."""

import random

import pytest

from tool.numbered import Hearing, Verdict, judge


@pytest.mark.parametrize(
    ("heard", "owed", "verdict"),
    [
        ([1, 2, 3], 3, Verdict(delivered=3)),
        ([], 0, Verdict()),
        ([], 3, Verdict(lost=3)),
        ([1, 3], 3, Verdict(delivered=2, lost=1)),
        ([2, 3], 3, Verdict(delivered=2, lost=1)),
        ([1, 2], 3, Verdict(delivered=2, lost=1)),
        ([1, 3, 2], 3, Verdict(delivered=3, disordered=1)),
        ([3, 1, 2], 3, Verdict(delivered=3, disordered=2)),
        ([1, 2, 2, 3], 3, Verdict(delivered=3, repeated=1)),
        ([1, 3, 2, 3], 3, Verdict(delivered=3, repeated=1, disordered=1)),
        ([1, 3, 2, 2], 3, Verdict(delivered=3, repeated=1, disordered=1)),
        ([1, 2, 1, 2, 4], 5, Verdict(delivered=3, lost=2, repeated=2)),
        ([1, 2, 3, 4, 4], 3, Verdict(delivered=3)),  # what comes behind is not owed yet
    ],
)
def test_what_came_is_judged_by_what_was_owed(heard: list[int], owed: int, verdict: Verdict) -> None:
    assert judge(heard, range(1, owed + 1)) == verdict


def test_what_is_owed_may_have_any_numbers() -> None:
    assert judge([7, 30, 11, 7, 8], [7, 11, 30, 41]) == Verdict(delivered=3, lost=1, repeated=1, disordered=1)


def test_each_event_is_delivered_or_lost_whatever_was_heard() -> None:
    chance = random.Random(7)
    for _ in range(200):
        heard = [chance.randint(1, 9) for _ in range(chance.randint(0, 20))]

        verdict = judge(heard, range(1, 10))

        assert verdict.delivered == len(set(heard))
        assert verdict.delivered + verdict.lost == 9
        assert verdict.delivered + verdict.repeated == len(heard)
        assert verdict.disordered == sum(
            number not in heard[:place] and number < max(heard[:place], default=0) for place, number in enumerate(heard)
        )


def test_a_late_event_is_no_longer_missing() -> None:
    hearing = Hearing()
    for number in (1, 2, 4):
        hearing.hear(number)
    assert not hearing.has_all(4)

    hearing.hear(3)

    assert hearing.has_all(4)
    assert not hearing.has_all(5)
    assert hearing.verdict(5) == Verdict(delivered=4, lost=1, disordered=1)


def test_a_listener_in_a_sequence_of_a_million_keeps_only_what_is_missing() -> None:
    hearing = Hearing()
    for number in range(1, 1_000_001):
        if number % 250_000:
            hearing.hear(number)

    assert hearing.verdict(1_000_000) == Verdict(delivered=999_996, lost=4)
    assert len(hearing._missing) < 4


def test_verdicts_add_up() -> None:
    total = sum([Verdict(1, 2, 3, 4), Verdict(10, 20, 30, 40)], Verdict())

    assert total == Verdict(11, 22, 33, 44)
    assert not total.is_clean
    assert Verdict(delivered=5).is_clean
