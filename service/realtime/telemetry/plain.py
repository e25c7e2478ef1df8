"""Whatever is to be told -> what a line can hold: short, without secrets, and of one line's characters."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from typing import Final, TypeVar

from realtime.telemetry.redaction import HIDDEN, is_named_as_secret

# Of one value; of all of a line; items of one list or mapping; how deep these are told.
MAX_TEXT: Final = 8_192
MAX_LINE: Final = 65_536
MAX_ITEMS: Final = 64
MAX_DEPTH: Final = 6
MAX_NAME: Final = 128
# A secret that stands across the cut must be seen whole to be recognised.
_BEYOND_THE_CUT: Final = 512
# What each value takes of a line, however short it is written: making it plain is work, too.
_CHARACTERS_A_VALUE: Final = 16
MAX_EXACT_INT: Final = 2**63
# Control characters, separators of lines, what turns the direction of writing, and halves of surrogate pairs: all that
# lets a text look like another, or like a line of its own.
_UNSEEN: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL: Final = re.compile(f"[{_UNSEEN}]")
_CONTROL_OR_LINE: Final = re.compile(f"[\t\n{_UNSEEN}]")

_Item = TypeVar("_Item")


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class Line:
    """Makes one line's values plain; what they come to altogether is limited, too, and so is the work.

    `keeps_line_ends`: whoever writes the line escapes them, as JSON does.
    """

    def __init__(self, redact: Callable[[str], str], *, keeps_line_ends: bool, most: int = MAX_LINE) -> None:
        self._redact = redact
        self._unseen = _CONTROL if keeps_line_ends else _CONTROL_OR_LINE
        self._left = most

    def text(self, text: str, most: int = MAX_TEXT, *, keeps_line_ends: bool = False) -> str:
        """Make a text plain."""
        most = min(most, self._left)
        if not most:
            return ""
        kept = self._redact(text[: most + _BEYOND_THE_CUT])
        if len(text) > most:
            kept = f"{kept[:most]}... [{len(text) - most} characters more]"
        kept = (_CONTROL if keeps_line_ends else self._unseen).sub(_escape, kept)
        self._left = max(0, self._left - len(kept))
        return kept

    def value(self, value: object, depth: int = 0) -> object:
        """Make a value plain: what JSON has a type for, and nothing else."""
        if not self._left:
            return "..."
        self._left = max(0, self._left - _CHARACTERS_A_VALUE)
        told: object
        match value:
            case None | bool() | float():
                told = value
            case int():
                is_small = -MAX_EXACT_INT < value < MAX_EXACT_INT
                told = int(value) if is_small else f"[a number of {value.bit_length()} bits]"
            case str():
                told = self.text(value)
            case bytes() | bytearray():
                told = self._bytes(value)
            case Mapping() | list() | tuple() | set() | frozenset() if depth >= MAX_DEPTH:
                told = "..."
            case Mapping():
                told = self._mapping(value, depth)
            case list() | tuple() | set() | frozenset():
                items = [self.value(item, depth + 1) for item in self._first(value)]
                told = [*items, f"... [{len(value) - len(items)} more]"] if len(value) > len(items) else items
            case _:
                told = self.text(written(repr, value))
        return told

    def _first(self, values: Iterable[_Item]) -> Iterator[_Item]:
        """The first of many, for as long as the line has room."""
        return takewhile(lambda _: self._left > 0, islice(values, MAX_ITEMS))

    def _bytes(self, value: bytes | bytearray) -> str:
        kept = self.text(bytes(value[:MAX_TEXT]).decode("utf-8", "backslashreplace"))
        return f"{kept} [{len(value) - MAX_TEXT} bytes more]" if len(value) > MAX_TEXT else kept

    def named(self, name: str, value: object, depth: int = 0) -> object:
        """Make a value plain, or hide it, since its name says that it is a secret."""
        return HIDDEN if value is not None and is_named_as_secret(name) else self.value(value, depth)

    def _mapping(self, mapping: Mapping[object, object], depth: int) -> dict[str, object]:
        told: dict[str, object] = {}
        items = 0
        for items, (key, item) in enumerate(self._first(mapping.items()), 1):  # noqa: B007 - how many there were
            name = self.text(key if isinstance(key, str) else written(repr, key), MAX_NAME)
            told[name] = self.named(name, item, depth + 1)
        if len(mapping) > items:
            told["..."] = f"[{len(mapping) - items} more]"
        return told


def written(write: Callable[[object], str], value: object) -> str:
    """Write an object as it wants to be written, if it can."""
    try:
        return write(value)
    except Exception as error:  # noqa: BLE001 - any code may be behind it, and a line is told all the same
        return f"<{type(value).__name__} that cannot be written: {type(error).__name__}>"
