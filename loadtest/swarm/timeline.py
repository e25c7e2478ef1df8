"""A run as a file: a line of JSON for each second of it, and one for the whole at its end. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

# Percentiles of a second are of what happened in so many seconds until then: of one alone there is seldom enough.
WINDOW_SECONDS: Final = 5
DELIVER: Final = "deliver "
CAUGHT_UP: Final = "caught up"
PRODUCE: Final = "produce"
# Exit codes beside Locust's 0 and 1.
BAD_SETTINGS: Final = 2
WORKER_LOST: Final = 3
# Of its core: a worker that is so busy is late by its own doing. Locust itself warns from there on.
FULL_PERCENT: Final = 90.0
# For so many seconds of a run; one alone may be an accident.
FULL_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One of Locust's entries: counts since the run began, and percentiles in milliseconds, None without any."""

    count: int
    failures: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def succeeded(entries: Mapping[str, Entry], *names: str) -> int:
    """How many there were, without failures, of the entries whose names begin so."""
    return sum(one.count - one.failures for name, one in entries.items() if name.startswith(names))


@dataclass(frozen=True, slots=True)
class Second:
    """The run at one moment: `at` by the calendar, `seconds` since it began; percentiles are of the last few seconds.

    `users` there are and `wanted` there should be; `connected` of them have a session now. `cpu_percent` is that of the
    busiest worker, of one core, in about that second.
    """

    at: float
    seconds: float
    phase: str
    wanted: int
    users: int
    connected: int
    workers: int
    cpu_percent: float
    entries: Mapping[str, Entry]

    @property
    def deliveries(self) -> int:
        """Messages that people have heard."""
        return succeeded(self.entries, DELIVER, CAUGHT_UP)

    @property
    def events(self) -> int:
        """Records that Kafka has."""
        return succeeded(self.entries, PRODUCE)


@dataclass(frozen=True, slots=True)
class Judged:
    """One threshold, and what was measured."""

    name: str
    limit: str
    allowed: float
    measured: float
    is_kept: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.limit} is {self.measured:g}, allowed {self.allowed:g}"


@dataclass(frozen=True, slots=True)
class Failure:
    """So many failures of one kind."""

    name: str
    what: str
    occurrences: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole run. Percentiles are of all of it; `problems` are why it was not carried out as it was meant to be."""

    options: Mapping[str, Any]
    seconds: float
    entries: Mapping[str, Entry]
    thresholds: Sequence[Judged]
    failures: Sequence[Failure]
    problems: Sequence[str]
    exit_code: int

    @property
    def deliveries(self) -> int:
        """Messages that people have heard, those that came when its time was over among them."""
        return succeeded(self.entries, DELIVER, CAUGHT_UP)


@dataclass
class Timeline:
    """What a file says. `summary` is None where the run was cut off, or still goes on."""

    seconds: list[Second] = field(default_factory=list)
    summary: Summary | None = None

    @property
    def phases(self) -> list[tuple[float, str]]:
        """When each began: (seconds since the run's beginning, name)."""
        began: list[tuple[float, str]] = []
        for second in self.seconds:
            if not began or began[-1][1] != second.phase:
                began.append((second.seconds, second.phase))
        return began

    @property
    def busiest_percent(self) -> float:
        """How much of its core the busiest worker took when it was busiest."""
        return max((second.cpu_percent for second in self.seconds), default=0.0)

    @property
    def full_seconds(self) -> int:
        """How many seconds a worker was at its limit."""
        return sum(second.cpu_percent >= FULL_PERCENT for second in self.seconds)

    def take(self, line: str) -> None:
        """Take one line. Raises `ValueError` where it is none of ours."""
        read = json.loads(line)
        try:
            if "summary" in read:
                self.summary = _summary(read["summary"])
            else:
                self.seconds.append(Second(**read | {"entries": _entries(read["entries"])}))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no line of a timeline: {error}") from None


def read(path: Path) -> Timeline:
    """Read a whole file. Raises `ValueError` and `OSError`; the last line may be cut off."""
    timeline = Timeline()
    for line in _whole_lines(path.read_text()):
        timeline.take(line)
    return timeline


def write(file: TextIO, timeline: Timeline) -> None:
    """Write a whole file."""
    for second in timeline.seconds:
        write_second(file, second)
    if timeline.summary is not None:
        write_summary(file, timeline.summary)


def write_second(file: TextIO, second: Second) -> None:
    """Write one line, at once."""
    _write(file, asdict(second))


def write_summary(file: TextIO, summary: Summary) -> None:
    """Write the last line."""
    _write(file, {"summary": asdict(summary)})


def _write(file: TextIO, what: Mapping[str, Any]) -> None:
    file.write(json.dumps(what) + "\n")
    file.flush()


def _whole_lines(text: str) -> Iterator[str]:
    *lines, _ = text.split("\n")
    yield from lines


def _entries(entries: Mapping[str, Any]) -> dict[str, Entry]:
    return {name: Entry(**entry) for name, entry in entries.items()}


def _summary(said: Mapping[str, Any]) -> Summary:
    return Summary(
        **{
            **said,
            "entries": _entries(said["entries"]),
            "thresholds": [Judged(**one) for one in said["thresholds"]],
            "failures": [Failure(**one) for one in said["failures"]],
        }
    )
