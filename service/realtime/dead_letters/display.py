"""What letters look like, on a terminal and for programs.

What a record holds may be hostile: it is never printed as it is.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from realtime.clock import iso_utc
from realtime.dead_letters.archive import Found
from realtime.dead_letters.letter import Letter, Replayed

MAX_KEY_CHARACTERS: Final = 24
MAX_DUMPED_BYTES: Final = 4_096
BYTES_A_LINE: Final = 16
# The last second of the year 9999; `iso_utc` knows no later one.
MAX_TIME_MS: Final = 253_402_300_799_999


def printable(text: str) -> str:
    """Escape what would move a cursor, ring a bell, turn text around or break a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def time(ms: int) -> str:
    """A time in UTC, for people; what is none, as its number."""
    return iso_utc(ms) if 0 <= ms <= MAX_TIME_MS else f"{ms} ms"


def table(found: Found, width: int) -> Iterator[str]:
    """Lines of a table; the last column, the reason, is cut to the width."""
    rows = [("LETTER", "WHEN", "RECORD", "CODE", "TRIES", "KEY", "REPLAYED TO", "REASON")]
    for letter in found.letters:
        replay = found.replay_of(letter)
        rows.append(
            (
                letter.place,
                time(letter.at_ms),
                printable(str(letter.origin or "?")),
                printable(letter.code) + (" (cut)" if letter.is_cut else ""),
                str(letter.attempts),
                _cut(_text(letter.key), MAX_KEY_CHARACTERS) if letter.key is not None else "-",
                printable(replay.to) if replay else "-",
                printable(letter.reason),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        yield _cut(line, width)


def in_full(letter: Letter, replay: Replayed | None) -> Iterator[str]:
    """Lines of all that is known of a letter."""
    yield f"letter       {letter.place}"
    yield f"written      {time(letter.at_ms)}"
    if letter.origin is not None:
        yield f"record       {printable(str(letter.origin))}"
        yield f"record time  {time(letter.origin.timestamp_ms)}"
    yield f"code         {printable(letter.code)}"
    yield f"reason       {printable(letter.reason)}"
    yield f"tries        {letter.attempts}"
    yield f"replayed     {f'{time(replay.at_ms)}, to {printable(replay.to)}' if replay else 'no'}"
    yield f"key          {'none' if letter.key is None else _text(letter.key)}"
    for name, value in letter.headers:
        yield f"header       {printable(name)}: {_text(value)}"
    if letter.is_cut:
        yield "value        was cut: the whole record was larger than the dead-letter topic takes"
    elif letter.value is None:
        yield "value        none"
    else:
        yield f"value        {len(letter.value)} bytes"
        yield ""
        yield from _value(letter.value)


def as_json(letter: Letter, replay: Replayed | None) -> str:
    """One line for programs. Texts that are not UTF-8 are in `...Base64`."""
    origin = letter.origin
    document: dict[str, Any] = {
        "letter": letter.place,
        "writtenAt": time(letter.at_ms),
        "topic": origin and origin.partition.topic,
        "partition": origin and origin.partition.number,
        "offset": origin and origin.offset,
        "timestampMs": origin and origin.timestamp_ms,
        "code": letter.code,
        "reason": letter.reason,
        "tries": letter.attempts,
        "replayedTo": replay and replay.to,
        "cut": letter.is_cut,
        **_bytes("key", letter.key),
        **_bytes("value", letter.value),
        "headers": [{"name": name, **_bytes("value", value)} for name, value in letter.headers],
    }
    return json.dumps(document)  # which leaves nothing but ASCII


def _bytes(name: str, raw: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if raw is None else raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}Base64": base64.b64encode(raw or b"").decode()}


def _value(value: bytes) -> Iterator[str]:
    try:
        pretty = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        yield from _dump(value)
    else:
        yield from (printable(line) for line in pretty.split("\n"))


def _dump(value: bytes) -> Iterator[str]:
    for start in range(0, min(len(value), MAX_DUMPED_BYTES), BYTES_A_LINE):
        line = value[start : start + BYTES_A_LINE]
        seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"{start:08x}  {line.hex(' '):<{BYTES_A_LINE * 3}} {seen}"
    if len(value) > MAX_DUMPED_BYTES:
        yield f"... {len(value) - MAX_DUMPED_BYTES} bytes more; --json prints all"


def _text(raw: bytes) -> str:
    return printable(raw.decode("utf-8", "backslashreplace"))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
