"""Latencies of many clients are added up, and a message too few or too many is seen."""

from collections import Counter

from ceiling.lateness import NS_PER_MS, Lateness, quantile


def test_histograms_of_clients_are_one_histogram() -> None:
    of_both = Counter({1 * NS_PER_MS: 98, 2 * NS_PER_MS: 1}) + Counter({1 * NS_PER_MS: 1, 900 * NS_PER_MS: 1})

    assert Lateness.of(of_both, 101) == Lateness(101, 101, p50_ms=1.0, p99_ms=2.0, max_ms=900.0)


def test_a_quantile_is_the_value_that_a_share_does_not_exceed() -> None:
    histogram = Counter(range(1, 101))

    assert [quantile(histogram, share) for share in (0.01, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert quantile({}, 0.5) == 0


def test_a_message_too_few_or_too_many_is_seen() -> None:
    assert Lateness.of({1: 10}, 10).is_whole
    assert not Lateness.of({1: 9}, 10).is_whole
    assert not Lateness.of({1: 11}, 10).is_whole
