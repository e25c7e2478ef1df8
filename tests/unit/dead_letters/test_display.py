"""What is printed of letters: everything that is there, and nothing that a terminal would obey."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.dead_letters.archive import Found
from realtime.dead_letters.display import MAX_DUMPED_BYTES, as_json, in_full, printable, table
from realtime.dead_letters.letter import Replayed
from unit.dead_letters.letters import ORIGIN, make_letter
from unit.fakes import NOON_MS

REPLAY = Replayed("order.created:3:4712", NOON_MS)


def is_harmless(lines: Iterable[str]) -> bool:
    return all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain ü 茶", "plain ü 茶"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb\t", "a\\r\\nb\\t"),
        ("\x9b\x7f", "\\x9b\\x7f"),
        ("\u202e\u2028", "\\u202e\\u2028"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, printed: str) -> None:
    assert printable(text) == printed


@given(
    st.text(),
    st.binary(),
    st.one_of(st.none(), st.binary()),
    st.lists(st.tuples(st.text(), st.binary()), max_size=3),
    st.integers(-(2**63), 2**63 - 1),
)
def test_whatever_a_letter_holds_is_printed_and_harms_nobody(
    text: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]], at_ms: int
) -> None:
    origin = ORIGIN._replace(timestamp_ms=at_ms)
    letter = make_letter(
        code=text, reason=text, key=key, value=value, headers=tuple(headers), at_ms=at_ms, origin=origin
    )
    assert is_harmless(in_full(letter, Replayed(text, at_ms)))
    assert is_harmless(table(Found([letter], 1, {origin: Replayed(text, at_ms)}), 80))
    line = as_json(letter, None)
    assert line.isprintable()
    assert json.loads(line)["reason"] == text


def test_json_is_printed_in_lines() -> None:
    lines = list(in_full(make_letter(value=b'{"orderId": "o-1", "note": "\\u001b[2J"}'), None))
    assert lines[-4:] == ["{", '  "orderId": "o-1",', '  "note": "\\u001b[2J"', "}"]


def test_what_is_no_json_is_dumped_in_part() -> None:
    lines = list(in_full(make_letter(value=b"\x00\x1bab" * 2_000), None))
    assert "00000000  00 1b 61 62 00 1b 61 62 00 1b 61 62 00 1b 61 62  ..ab..ab..ab..ab" in lines
    assert lines[-1] == f"... {8_000 - MAX_DUMPED_BYTES} bytes more; --json prints all"


def test_a_value_that_is_nested_too_deep_is_dumped() -> None:
    assert "00000000  5b 5b" in "\n".join(in_full(make_letter(value=b"[" * 100_000), None))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"value": None}, "value        none"),
        ({"key": None}, "key          none"),
        ({"is_cut": True}, "value        was cut: the whole record was larger than the dead-letter topic takes"),
        ({}, "replayed     2026-11-23T10:00:00.000Z, to order.created:3:4712"),
        ({}, "record       order.created:3:4711"),
        ({"headers": (("traceparent", b"00-1"),)}, "header       traceparent: 00-1"),
    ],
)
def test_all_that_is_known_is_shown(fields: dict[str, object], line: str) -> None:
    assert line in list(in_full(make_letter(**fields), REPLAY))


def test_a_table_has_a_line_for_each_letter_and_is_cut_to_the_terminal() -> None:
    letters = [make_letter(), make_letter(offset=18, reason="x" * 500, is_cut=True, attempts=3)]
    lines = list(table(Found(letters, 2, {ORIGIN: REPLAY}), 100))
    assert len(lines) == 3
    assert all(len(line) <= 100 for line in lines)
    assert lines[0].split()[:4] == ["LETTER", "WHEN", "RECORD", "CODE"]
    assert "order.created:3:4711" in lines[1]
    assert "(cut)" in lines[2]


def test_bytes_that_are_no_text_are_base64_in_json() -> None:
    document = json.loads(as_json(make_letter(key=b"\xff", value=b"ok"), REPLAY))
    assert document["keyBase64"] == "/w=="
    assert document["value"] == "ok"
    assert document["replayedTo"] == REPLAY.to
