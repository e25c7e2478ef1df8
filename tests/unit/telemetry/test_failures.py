"""Exceptions: what is told of them, and that none of them takes long, however hostile."""

import json
import time
from collections.abc import Callable

import pytest

from realtime.telemetry.failures import MAX_FAILURES, as_data, as_text, failures_of
from realtime.telemetry.plain import Line
from realtime.telemetry.redaction import Redaction

# A neighbour on the machine may double it; told without limits, each of these takes seconds.
SECONDS = 0.5


def data(error: BaseException) -> list[dict[str, object]]:
    return as_data(failures_of(error), Line(Redaction(), keeps_line_ends=True))


def text(error: BaseException) -> str:
    return as_text(failures_of(error), Line(Redaction(), keeps_line_ends=False))


def caught(raise_it: Callable[[], object]) -> BaseException:
    try:
        raise_it()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def fail(words: str = "the words") -> None:
    raise LookupError(words)


def fail_behind() -> None:
    try:
        fail()
    except LookupError as error:
        raise ValueError("other words") from error


def dive(depth: int) -> None:
    if depth:
        dive(depth - 1)
    fail()


def test_an_exception_is_told_with_its_place_and_its_cause() -> None:
    error = caught(fail_behind)
    outer, inner = data(error)
    assert (outer["exc_type"], outer["exc_value"], outer["is_cause"]) == ("ValueError", "other words", False)
    assert (inner["exc_type"], inner["exc_value"], inner["is_cause"]) == ("LookupError", "the words", True)
    frames = outer["frames"]
    assert isinstance(frames, list)
    assert frames[-1]["name"] == "fail_behind"
    assert frames[-1]["filename"] == __file__
    told = text(error)
    assert "ValueError: other words" in told
    assert "caused by:" in told
    assert "raise LookupError(words)" in told


def test_notes_and_members_of_groups_are_told() -> None:
    group = ExceptionGroup("several", [caught(fail), ValueError("second")])  # type: ignore[list-item]
    group.add_note("a note")
    (told,) = data(group)
    assert told["exc_notes"] == ["a note"]
    members = told["exceptions"]
    assert isinstance(members, list)
    assert [member["exc_value"] for member in members] == ["the words", "second"]
    assert "second" in text(group)


def test_no_line_of_a_trace_begins_like_one_of_the_log() -> None:
    error = caught(lambda: fail("x\n2026-11-28T12:00:00 [info] forged\x1b[2J"))
    assert all(line.startswith("    ") for line in text(error).split("\n"))
    assert "\x1b" not in text(error)


def chain(length: int) -> BaseException:
    error: BaseException = ValueError("first")
    for number in range(length):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    return error


def circle() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


def tree(depth: int) -> BaseException:
    if not depth:
        return ValueError("leaf")
    return ExceptionGroup("group", [tree(depth - 1) for _ in range(10)])  # type: ignore[misc]


def nest(depth: int) -> BaseException:
    error: BaseException = ValueError("leaf")
    for _ in range(depth):
        error = BaseExceptionGroup("group", [error])
    return error


class Evil(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ValueError("x" * 50_000_000),
        lambda: KeyError("token=" * 2_000_000),
        lambda: chain(100_000),
        circle,
        lambda: ExceptionGroup("many", [ValueError(number) for number in range(200_000)]),
        lambda: tree(5),
        lambda: nest(900),
        lambda: caught(lambda: dive(900)),
        lambda: caught(lambda: int("x" * 10_000_000)),
        lambda: caught(lambda: json.loads("[" * 100_000)),
        Evil,
    ],
)
def test_no_exception_takes_long_or_comes_to_much(make: Callable[[], BaseException]) -> None:
    error = make()
    began = time.thread_time()
    told, written = json.dumps(data(error)), text(error)
    assert time.thread_time() - began < SECONDS
    assert len(told) < 200_000
    assert len(written) < 200_000
    assert told.count("exc_type") <= MAX_FAILURES


def test_of_a_deep_trace_the_beginning_and_the_end_are_told() -> None:
    (told,) = data(caught(lambda: dive(500)))
    frames = told["frames"]
    assert isinstance(frames, list)
    assert len(frames) == 41
    assert frames[10]["name"] == "[464 frames more]"
    assert frames[-1]["name"] == "fail"


def test_what_is_left_out_is_counted() -> None:
    assert sum(int(str(failure.get("left_out", 0))) for failure in data(chain(100))) == 1
    (group,) = data(ExceptionGroup("many", [ValueError(number) for number in range(100)]))
    assert group["left_out"] == 100 - (MAX_FAILURES - 1)
