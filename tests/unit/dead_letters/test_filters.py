"""Which letters are meant; and a filter that cannot mean anything is refused."""

import pytest

from realtime.dead_letters.errors import WrongFilter
from realtime.dead_letters.filters import Filter, read_place, read_time
from unit.dead_letters.letters import make_letter
from unit.fakes import NOON_MS


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30s", NOON_MS - 30_000),
        ("5m", NOON_MS - 300_000),
        ("2h", NOON_MS - 7_200_000),
        ("1d", NOON_MS - 86_400_000),
        ("2026-11-23T10:00:00Z", NOON_MS),
        ("2026-11-23T10:00", NOON_MS),
        ("2026-11-23T11:00:00+01:00", NOON_MS),
        ("2026-11-23", NOON_MS - 36_000_000),
    ],
)
def test_times_are_ages_or_iso_8601_in_utc(text: str, ms: int) -> None:
    assert read_time("--since", text, NOON_MS) == ms


@pytest.mark.parametrize(
    "text", ["", "h", "2", "2w", "-2h", "٢h", "yesterday", "2026-13-01", "0001-01-01T00:00+23:59x"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WrongFilter, match="--since"):
        read_time("--since", text, NOON_MS)


@pytest.mark.parametrize("text", ["", "7", "0:", ":7", "0:-1", "a:1", "0:1:2", "0:1\n", "0:" + "9" * 30])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(WrongFilter):
        read_place(text)


def test_a_place_is_a_partition_and_an_offset() -> None:
    assert read_place("3:4711") == (3, 4711)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Filter(), True),
        (Filter(topic="order.created"), True),
        (Filter(topic="order.creat"), False),
        (Filter(code="invalid_event"), False),
        (Filter(code="unreadable_record"), True),
        (Filter(since_ms=NOON_MS, until_ms=NOON_MS + 1), True),
        (Filter(since_ms=NOON_MS + 1), False),
        (Filter(until_ms=NOON_MS), False),
        (Filter(key="o-1"), True),
        (Filter(key="o"), False),
        (Filter(contains="ee"), True),
        (Filter(contains="EE"), False),
        (Filter(topic="order.created", key="other"), False),
    ],
)
def test_a_letter_matches_when_each_part_does(wanted: Filter, matches: bool) -> None:
    assert wanted(make_letter(key=b"o-1", value=b"\xff needle")) is matches


def test_nothing_is_searched_where_there_is_nothing() -> None:
    letter = make_letter(origin=None, key=None, value=None)
    assert Filter()(letter)
    for wanted in (Filter(topic="order.created"), Filter(key="x"), Filter(contains="x")):
        assert not wanted(letter)


@pytest.mark.parametrize("fields", [{"code": "nonsense"}, {"since_ms": 2, "until_ms": 2}])
def test_filters_that_cannot_match_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(WrongFilter):
        Filter(**fields)  # type: ignore[arg-type]
