"""Which letters are meant."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from realtime.dead_letters.errors import WrongFilter
from realtime.dead_letters.letter import Letter
from realtime.errors import InvalidEvent, UnknownEventType, UnreadableRecord

CODES: Final = (UnreadableRecord.code, UnknownEventType.code, InvalidEvent.code, "internal")
_AGO: Final = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PLACE: Final = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """What letters must have; what is None, any has. Times are Unix times in milliseconds, `until_ms` excluded."""

    topic: str | None = None
    code: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    key: str | None = None
    contains: str | None = None

    def __post_init__(self) -> None:
        if self.code is not None and self.code not in CODES:
            raise WrongFilter(f"--code {self.code}: no such code; there are {', '.join(CODES)}")
        if self.since_ms is not None and self.until_ms is not None and self.since_ms >= self.until_ms:
            raise WrongFilter("--since is not before --until")

    def __call__(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (self.topic is None or (letter.origin is not None and letter.origin.partition.topic == self.topic))
            and (self.code is None or letter.code == self.code)
            and (self.since_ms is None or letter.at_ms >= self.since_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
            and (self.key is None or (letter.key or b"") == self.key.encode("utf-8", "surrogateescape"))
            and (self.contains is None or self.contains.encode("utf-8", "surrogateescape") in (letter.value or b""))
        )


def read_time(option: str, text: str | None, now_ms: int) -> int | None:
    """Read `2h` (ago; s, m, h or d) or a time in ISO 8601, UTC where it names no zone. Raises `WrongFilter`."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        time = datetime.fromisoformat(text)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise WrongFilter(f"{option} {text}: neither an age such as 2h nor a time such as 2026-11-23T10:00Z") from None


def read_place(text: str) -> tuple[int, int]:
    """Read a letter's place, `partition:offset`. Raises `WrongFilter`."""
    place = _PLACE.fullmatch(text)
    if place is None:
        raise WrongFilter(f"{text}: not a letter's place; `list` tells them in its first column, for example 0:17")
    return int(place[1]), int(place[2])
