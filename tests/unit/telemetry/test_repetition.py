"""The same line again and again: told a few times, then counted, and the count told once."""

from realtime.telemetry.repetition import MAX_KEYS, Key, Repetition
from unit.fakes import FakeClock

KEY, OTHER = Key("a", 30, "x"), Key("a", 30, "y")


def make(clock: FakeClock, most: int = 3) -> Repetition:
    return Repetition(most, 10.0, clock.monotonic_seconds)


def test_a_line_is_told_so_often_then_counted_then_the_count_is_told_once(clock: FakeClock) -> None:
    repetition = make(clock)
    assert [repetition.admits(KEY) for _ in range(5)] == [True, True, True, False, False]
    assert list(repetition.counted()) == []
    assert repetition.holds_back
    clock.advance(10)
    assert list(repetition.counted()) == [(KEY, 2)]
    assert list(repetition.counted()) == []
    assert not repetition.holds_back
    assert repetition.admits(KEY)


def test_lines_are_told_apart_by_event_level_and_logger(clock: FakeClock) -> None:
    repetition = make(clock, most=1)
    for key in (KEY, OTHER, Key("b", 30, "x"), Key("a", 40, "x")):
        assert repetition.admits(key)
        assert not repetition.admits(key)


def test_what_goes_on_is_counted_window_by_window(clock: FakeClock) -> None:
    repetition = make(clock, most=1)
    counts = []
    for _ in range(3):
        for _ in range(100):
            counts += [count for _, count in repetition.counted()]
            repetition.admits(KEY)
        clock.advance(10)
    assert counts == [99, 99]
    assert list(repetition.counted()) == [(KEY, 99)]


def test_a_window_that_nobody_asked_about_is_not_forgotten(clock: FakeClock) -> None:
    repetition = make(clock, most=1)
    repetition.admits(KEY)
    repetition.admits(KEY)
    clock.advance(10)
    assert repetition.admits(KEY)
    assert list(repetition.counted()) == [(KEY, 1)]


def test_at_the_end_all_is_told(clock: FakeClock) -> None:
    repetition = make(clock, most=1)
    for key in (KEY, KEY, OTHER, OTHER, OTHER):
        repetition.admits(key)
    assert list(repetition.counted(all_of_them=True)) == [(KEY, 1), (OTHER, 2)]


def test_a_million_different_lines_take_no_more_memory_than_a_thousand(clock: FakeClock) -> None:
    repetition = make(clock, most=1)
    repetition.admits(KEY)
    repetition.admits(KEY)
    for number in range(100_000):
        assert repetition.admits(Key("a", 30, str(number)))
    assert len(repetition._windows) == MAX_KEYS
    assert list(repetition.counted()) == [(KEY, 1)]
