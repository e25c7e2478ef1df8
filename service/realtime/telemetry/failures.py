"""Exceptions -> what is told of them. However large, deep or many: telling takes tens of milliseconds at the most.

Variables are never told: tokens, passwords and people's data are among them.
"""

import linecache
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Final

from realtime.telemetry.plain import Line, written

# Of one failure, with its causes, and of what its groups hold.
MAX_FAILURES: Final = 12
MAX_NOTES: Final = 5
# Of one exception: the first say who asked, the last where it happened.
FIRST_FRAMES: Final = 10
LAST_FRAMES: Final = 30
# What is walked through of a trace to find the last ones.
MAX_WALKED: Final = 10_000
MAX_WORDS: Final = 2_048
MAX_SOURCE_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a trace; `name` says how many are left out where `filename` is empty."""

    filename: str
    lineno: int
    name: str


@dataclass(slots=True)
class Failure:
    """One exception. `words` are its own, and may be anything."""

    error: BaseException
    is_cause: bool = False
    frames: list[Frame] = field(default_factory=list)
    members: list["Failure"] = field(default_factory=list)
    left_out: int = 0
    """Members, or causes behind it, that are not told."""

    @property
    def type(self) -> str:
        """The class's name."""
        return type(self.error).__name__

    @property
    def words(self) -> str:
        """What it says."""
        return written(str, self.error)


def failures_of(error: BaseException) -> list[Failure]:
    """An exception, then what it was raised from, or while handling what, the last one first."""
    return _chain(error, [MAX_FAILURES], set())


def _chain(error: BaseException, left: list[int], seen: set[int]) -> list[Failure]:
    told: list[Failure] = []
    following: BaseException | None = error
    is_cause = False
    while following is not None and id(following) not in seen:
        if not left[0]:
            if told:
                told[-1].left_out += 1
            break
        left[0] -= 1
        seen.add(id(following))
        failure = Failure(following, is_cause, _frames(following.__traceback__))
        if isinstance(following, BaseExceptionGroup):
            for member in islice(following.exceptions, left[0]):
                failure.members += _chain(member, left, seen)[:1]
            failure.left_out = max(0, len(following.exceptions) - len(failure.members))
        told.append(failure)
        is_cause = following.__cause__ is not None
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return told


def _walk(trace: TracebackType | None) -> Iterator[Frame]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield Frame(code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next


def _frames(trace: TracebackType | None) -> list[Frame]:
    walk = islice(_walk(trace), MAX_WALKED)
    first = list(islice(walk, FIRST_FRAMES))
    number, last = 0, deque[Frame](maxlen=LAST_FRAMES)
    for number, frame in enumerate(walk, 1):  # noqa: B007 - how many there were
        last.append(frame)
    if number > LAST_FRAMES:
        return [*first, Frame("", 0, f"[{number - LAST_FRAMES} frames more]"), *last]
    return [*first, *last]


def as_data(failures: list[Failure], line: Line) -> list[dict[str, object]]:
    """For machines, in the form of structlog's `dict_tracebacks`."""
    return [_data(failure, line) for failure in failures]


def _data(failure: Failure, line: Line) -> dict[str, object]:
    told: dict[str, object] = {
        "exc_type": line.text(failure.type, MAX_SOURCE_CHARACTERS),
        "exc_value": line.text(failure.words, MAX_WORDS),
        "is_cause": failure.is_cause,
        "frames": [{"filename": f.filename, "lineno": f.lineno, "name": f.name} for f in failure.frames],
    }
    if notes := _notes(failure):
        told["exc_notes"] = [line.text(note, MAX_WORDS) for note in notes]
    if failure.members:
        told["exceptions"] = as_data(failure.members, line)
    if failure.left_out:
        told["left_out"] = failure.left_out
    return told


def as_text(failures: list[Failure], line: Line, indent: str = "    ") -> str:
    """For people, indented: no line of it can pass for one of the log's own."""
    lines: list[str] = []
    for number, failure in enumerate(failures):
        if number:
            behind = failures[number - 1].is_cause or failure.is_cause
            lines.append(f"{indent}caused by:" if behind else f"{indent}while handling:")
        for frame in failure.frames:
            if not frame.filename:
                lines.append(f"{indent}  {frame.name}")
                continue
            lines.append(f"{indent}  {frame.filename}:{frame.lineno} in {frame.name}")
            source = linecache.getline(frame.filename, frame.lineno).strip()
            if source:
                lines.append(f"{indent}    {line.text(source, MAX_SOURCE_CHARACTERS)}")
        lines.append(f"{indent}{line.text(failure.type, MAX_SOURCE_CHARACTERS)}: {line.text(failure.words, MAX_WORDS)}")
        lines += [f"{indent}  {line.text(note, MAX_WORDS)}" for note in _notes(failure)]
        if failure.members:
            lines.append(as_text_of_group(failure.members, line, indent + "  | "))
        if failure.left_out:
            lines.append(f"{indent}[{failure.left_out} more]")
    return "\n".join(lines)


def as_text_of_group(members: list[Failure], line: Line, indent: str) -> str:
    """Write a group's members, each for itself."""
    return "\n".join(as_text([member], line, indent) for member in members)


def _notes(failure: Failure) -> list[str]:
    notes = getattr(failure.error, "__notes__", ())
    return [written(str, note) for note in notes[:MAX_NOTES]] if isinstance(notes, list) else []
