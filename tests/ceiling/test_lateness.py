"""Latencies of many clients are added up, and a message too few or too many is seen."""

from collections import Counter

from ceiling.lateness import NS_PER_MS, Lateness


def test_histograms_of_clients_are_one_histogram() -> None:
    of_both = Counter({1 * NS_PER_MS: 98, 2 * NS_PER_MS: 1}) + Counter({1 * NS_PER_MS: 1, 900 * NS_PER_MS: 1})

    assert Lateness.of(of_both, 101) == Lateness(101, 101, p50_ms=1.0, p99_ms=2.0, max_ms=900.0)


def test_of_none_that_arrived_nothing_is_said() -> None:
    assert Lateness.of({}, 5) == Lateness(5, 0, p50_ms=None, p99_ms=None, max_ms=None)


def test_a_message_too_few_or_too_many_is_seen() -> None:
    assert Lateness.of({1: 10}, 10).is_whole
    assert not Lateness.of({1: 9}, 10).is_whole
    assert not Lateness.of({1: 11}, 10).is_whole
