"""Letters are read back as they were written, and whatever stands in the topic can be read."""

import pytest

from realtime.dead_letters.letter import (
    headers_for_replay,
    read_letter,
    read_replayed,
    replayed_headers,
)
from unit.dead_letters.letters import ORIGIN, make_letter, make_stored
from unit.fakes import NOON_MS

PLACE = [
    ("dead-letter-topic", b"order.created"),
    ("dead-letter-partition", b"3"),
    ("dead-letter-offset", b"4711"),
    ("dead-letter-timestamp-ms", b"%d" % (NOON_MS - 1)),
]


def test_a_letter_tells_its_record_the_reason_and_the_producers_own_headers() -> None:
    ours = [*PLACE, ("dead-letter-code", b"invalid_event"), ("dead-letter-reason", b"no stock")]
    letter = read_letter(make_stored([("own", b"1"), *ours, ("dead-letter-attempts", b"2"), ("empty", None)]))
    assert letter.origin == ORIGIN
    assert (letter.code, letter.reason, letter.attempts, letter.is_cut) == ("invalid_event", "no stock", 2, False)
    assert letter.headers == (("own", b"1"), ("empty", b""))
    assert letter.place == "0:17"


@pytest.mark.parametrize("missing", range(len(PLACE)))
def test_without_a_whole_place_nobody_knows_the_record(missing: int) -> None:
    place = [header for number, header in enumerate(PLACE) if number != missing]
    assert read_letter(make_stored(place)).origin is None


@pytest.mark.parametrize("garbage", [b"", b"x", b"\xff", b"1.5", None])
def test_garbage_in_a_place_is_no_place(garbage: bytes | None) -> None:
    assert read_letter(make_stored([*PLACE, ("dead-letter-offset", garbage)])).origin is None


def test_that_a_letter_was_replayed_is_read_as_it_is_written() -> None:
    stored = make_stored(replayed_headers(ORIGIN, "order.created:3:4712"))
    assert read_replayed(stored) == (ORIGIN, ("order.created:3:4712", NOON_MS))


def test_a_letter_is_not_taken_for_a_replay() -> None:
    assert read_replayed(make_stored(PLACE)) is None
    assert read_replayed(make_stored([("dead-letter-replayed-to", b"x")])) is None


def test_a_replayed_record_keeps_its_headers_its_id_and_its_count() -> None:
    letter = make_letter(attempts=2)
    assert headers_for_replay(letter, (("own", b"1"),)) == [
        ("own", b"1"),
        ("event-id", b"order.created:3:4711"),
        ("dead-letter-attempts", b"2"),
    ]
    given = (("event-id", b"given"),)
    assert headers_for_replay(letter, given) == [*given, ("dead-letter-attempts", b"2")]
