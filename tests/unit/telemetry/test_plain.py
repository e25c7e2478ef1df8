"""What a line can hold: short, without secrets, and of one line's characters."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from realtime.telemetry.plain import MAX_ITEMS, MAX_LINE, MAX_TEXT, Line
from realtime.telemetry.redaction import Redaction

REDACT = Redaction(["hunter2"])


def plain(value: object, *, keeps_line_ends: bool = True) -> Any:
    return Line(REDACT, keeps_line_ends=keeps_line_ends).value(value)


class Evil:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_long_text_is_cut_and_says_how_much_is_missing() -> None:
    told = plain("x" * 5_000_000)
    assert told == "x" * MAX_TEXT + f"... [{5_000_000 - MAX_TEXT} characters more]"


def test_a_secret_that_the_cut_goes_through_is_hidden() -> None:
    for before in range(MAX_TEXT - 8, MAX_TEXT + 1):
        assert "hunt" not in plain("x" * before + "hunter2" + "y" * 100)
    token = "eyJ" + "a" * 3_000
    assert "aaa" not in plain("x" * (MAX_TEXT - 10) + token)


@pytest.mark.parametrize(
    ("text", "on_a_terminal"),
    [
        ('x\n2026-11-28 12:00:00 [info] "forged"', 'x\\n2026-11-28 12:00:00 [info] "forged"'),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp.exe \u2028 \x85", "\\u202egnp.exe \\u2028 \\x85"),
        ("half \ud83d of a pair", "half \\ud83d of a pair"),
    ],
)
def test_no_text_can_pass_for_another_line_or_turn_a_terminals_head(text: str, on_a_terminal: str) -> None:
    assert plain(text, keeps_line_ends=False) == on_a_terminal
    in_json = plain(text)
    assert "\x1b" not in in_json
    assert json.dumps(in_json).isprintable()
    in_json.encode()


def test_bytes_are_told_as_text_whatever_is_in_them() -> None:
    assert plain(b"\xff\x00abc") == "\\xff\\x00abc"
    assert plain(b"x" * 1_000_000).endswith(f"[{1_000_000 - MAX_TEXT} bytes more]")


def test_what_has_a_secrets_name_is_hidden_at_any_depth() -> None:
    told = plain({"auth": [{"token": "abc", "user": "u"}], "password": 12345, "url": SecretStr("abc")})
    assert told == {"auth": [{"token": "***", "user": "u"}], "password": "***", "url": "SecretStr('**********')"}


def test_collections_are_cut_in_length_and_depth() -> None:
    assert plain(list(range(1_000_000)))[-1] == f"... [{1_000_000 - MAX_ITEMS} more]"
    assert plain({str(n): n for n in range(1_000)})["..."] == f"[{1_000 - MAX_ITEMS} more]"
    deep: Any = "x"
    for _ in range(10_000):
        deep = [deep]
    assert len(json.dumps(plain(deep))) < 100
    circle: list[Any] = []
    circle.append(circle)
    assert len(json.dumps(plain(circle))) < 100


def test_a_whole_line_has_a_limit_too() -> None:
    told = plain([["x" * MAX_TEXT for _ in range(64)] for _ in range(64)])
    assert len(json.dumps(told)) < 4 * MAX_LINE


def test_what_cannot_be_written_is_told_so() -> None:
    assert plain(Evil()) == "<Evil that cannot be written: RuntimeError>"
    assert plain({Evil(): 1}) == {"<Evil that cannot be written: RuntimeError>": 1}
    assert plain(10**100_000) == "[a number of 332193 bits]"


def test_millions_of_characters_take_no_time() -> None:
    values: list[object] = ["token=" * 1_000_000, "\n" * 5_000_000, b"\xff" * 5_000_000, ["eyJ" * 1_000_000] * 64]
    began = time.thread_time()
    for value in values:
        plain(value, keeps_line_ends=False)
    assert time.thread_time() - began < 1.0


def test_a_line_that_is_full_costs_no_more_work() -> None:
    redacted = []

    def redact(text: str) -> str:
        redacted.append(len(text))
        return text

    texts = [["x" * 100_000 for _ in range(MAX_ITEMS)] for _ in range(MAX_ITEMS)]
    names = [{f"name {n}": n for n in range(MAX_ITEMS)} for _ in range(MAX_ITEMS)]
    for value in (texts, [texts, texts], [names] * MAX_ITEMS):
        redacted.clear()
        Line(redact, keeps_line_ends=True).value(value)
        assert sum(redacted) < 2 * MAX_LINE


def test_numbers_and_lists_fill_a_line_too() -> None:
    deep: Any = 1
    for _ in range(4):
        deep = [deep] * MAX_ITEMS
    assert json.dumps(plain(deep)).count("1") < MAX_LINE / 10


@given(st.recursive(st.text() | st.binary() | st.integers() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_is_given_json_can_hold_it(value: object) -> None:
    json.dumps(plain(value)).encode()
