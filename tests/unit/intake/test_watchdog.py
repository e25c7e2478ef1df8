"""A consumer that cannot do its work any more is given up; one that only waits is not."""

import pytest
from pydantic import ValidationError

from realtime.intake.watchdog import MAX_FAILURES, GivenUp, Watchdog
from realtime.settings import KafkaSettings
from unit.fakes import FakeClock

SETTINGS = KafkaSettings(no_assignment_restart_seconds=60, unanswered_restart_seconds=45, release_after_seconds=30)


@pytest.fixture
def watchdog(clock: FakeClock) -> Watchdog:
    watchdog = Watchdog(SETTINGS, clock.monotonic_seconds)
    watchdog.begin()
    return watchdog


def test_who_is_not_told_its_share_in_time_is_given_up(watchdog: Watchdog, clock: FakeClock) -> None:
    clock.advance(60)
    assert watchdog.verdict(0, 0) is None
    clock.advance(1)
    assert watchdog.verdict(0, 0) is GivenUp.NO_ASSIGNMENT
    assert watchdog.unassigned_seconds() == 61


def test_who_has_its_share_be_it_empty_may_have_it_for_ever(watchdog: Watchdog, clock: FakeClock) -> None:
    watchdog.assigned()
    clock.advance(1_000_000)
    assert watchdog.verdict(0, 0) is None
    assert watchdog.unassigned_seconds() == 0


def test_a_rebalance_that_never_ends_is_no_share(watchdog: Watchdog, clock: FakeClock) -> None:
    watchdog.assigned()
    clock.advance(1_000)
    watchdog.begin()
    clock.advance(61)
    assert watchdog.verdict(0, 0) is GivenUp.NO_ASSIGNMENT


def test_an_error_now_and_then_is_no_reason_and_one_after_the_other_is(watchdog: Watchdog) -> None:
    watchdog.assigned()
    for _ in range(10):
        for _ in range(MAX_FAILURES - 1):
            watchdog.failed()
        assert watchdog.verdict(0, 0) is None
        watchdog.works()
    for _ in range(MAX_FAILURES):
        watchdog.failed()
    assert watchdog.verdict(0, 0) is GivenUp.FAILED
    watchdog.begin()
    assert watchdog.verdict(0, 0) is None


def test_who_can_publish_nothing_leaves_its_partitions_to_others(watchdog: Watchdog) -> None:
    watchdog.assigned()
    assert watchdog.verdict(30, 0) is None
    assert watchdog.verdict(30.1, 0) is GivenUp.HELD_UP


def test_who_is_not_answered_is_given_up(watchdog: Watchdog) -> None:
    watchdog.assigned()
    assert watchdog.verdict(0, 45) is None
    assert watchdog.verdict(0, 45.1) is GivenUp.NO_FETCHES


def test_whose_commits_fail_for_too_long_is_given_up_and_one_that_is_taken_is_enough(
    watchdog: Watchdog, clock: FakeClock
) -> None:
    watchdog.assigned()
    watchdog.commit_failed()
    clock.advance(40)
    watchdog.committed()
    watchdog.commit_failed()
    clock.advance(40)
    watchdog.commit_failed()
    assert (watchdog.verdict(0, 0), watchdog.uncommitted_seconds()) == (None, 40)
    clock.advance(6)
    assert watchdog.verdict(0, 0) is GivenUp.NO_COMMITS
    watchdog.begin()
    watchdog.assigned()
    assert watchdog.verdict(0, 0) is None


def test_the_group_may_be_slow_before_the_watchdog_is_not() -> None:
    with pytest.raises(ValidationError, match="must be above session_timeout_seconds"):
        KafkaSettings(session_timeout_seconds=60, no_assignment_restart_seconds=60)


def test_what_waits_to_be_committed_waits_since_it_could_first_not_be(watchdog: Watchdog, clock: FakeClock) -> None:
    assert watchdog.commit_waits_seconds() == 0
    for _ in range(3):
        watchdog.committing()
        watchdog.commit_failed()
        clock.advance(5)
    assert watchdog.commit_waits_seconds() == 15
    watchdog.committed()
    assert watchdog.commit_waits_seconds() == 0
    watchdog.committing()
    clock.advance(5)
    watchdog.begin()  # the partitions are somebody else's
    assert watchdog.commit_waits_seconds() == 0
