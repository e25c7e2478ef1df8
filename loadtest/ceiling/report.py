"""What is printed of a climb, and what is kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from ceiling.lateness import Lateness
from ceiling.memory import BYTES_PER_GB, BYTES_PER_KB, PARTS
from ceiling.pictures import draw_all
from ceiling.ramp import Climb, Step
from ceiling.stage import CHOICES, REDIS_OPTIONS
from tool.kept import Header

HEADINGS: Final = (
    *("sockets", "handshakes/s", *(f"{part} KB" for part in PARTS), "all-in KB", "left GB"),
    *("one user p50", "p99 ms", "room p50", "p99 ms", "cores opening", "cores quiet"),
)
EXPLANATION: Final = (
    "KB, of 1,024 bytes as the kernel's are, are for each socket, and what came with the sockets: what empty pods take "
    "is not in them. Processes are counted by their proportional share (PSS). The kernel has both ends of each "
    "connection, a server but one. A user's message is timed from the Kafka producer's call until that user's socket "
    "has read it, a room's until each of its members has. Cores are processors kept busy by everything together: while "
    "sockets are opened, and while nobody says anything."
)


@dataclass(frozen=True)
class CeilingHeader(Header):
    """And what the machine was divided into."""

    pods: int
    per_pod: int
    intake_pods: int


def cells(step: Step, climb: Climb) -> list[str]:
    """One row."""
    grown = step.memory - climb.empty
    return [
        f"{step.sockets:,}",
        f"{step.handshakes_per_second:.0f}",
        *(f"{kb:.1f}" for kb in grown.each(step.sockets).values()),
        f"{grown.total / BYTES_PER_KB / step.sockets:.1f}",
        f"{step.available_bytes / BYTES_PER_GB:.1f}",
        *_late(step.of_users),
        *_late(step.of_room),
        f"{sum(step.cores_opening.values()):.2f}",
        f"{sum(step.cores_quiet.values()):.2f}",
    ]


def sentences(climb: Climb, header: CeilingHeader) -> list[str]:
    """What it comes to."""
    if not climb.steps:
        return [f"Nothing was measured. Ended by {climb.ended_by}."]
    last = climb.steps[-1]
    empty_pods, grown = climb.empty.pods, last.memory - climb.empty
    opening = _shares(last.cores_opening)
    cpu_ms = sum(last.cores_opening.values()) / last.handshakes_per_second * 1_000
    messages = [late for step in climb.steps for late in (step.of_users, step.of_room)]
    expected, arrived = (sum(getattr(late, which) for late in messages) for which in ("expected", "arrived"))
    each = f"{grown.total / BYTES_PER_KB / last.sockets:.1f} KB"
    of_empty = f"{empty_pods / BYTES_PER_KB / last.sockets:.1f} KB"
    empty_mb = f"{empty_pods / BYTES_PER_KB**2 / header.pods:.0f} MB"
    return [
        f"{last.sockets:,} sockets at the last look, pods: {header.pods}. Ended by {climb.ended_by}.",
        f"A socket takes {each} of this machine, both ends; a pod without any {empty_mb}, {of_empty} for each socket.",
        f"Opening the last tenth took {cpu_ms:.1f} ms of a core for each socket: {opening}.",
        f"{arrived:,} of {expected:,} messages arrived, a room's to {last.room:,} members.",
    ]


def print_climb(console: Console, climb: Climb, header: CeilingHeader) -> None:
    """Print the table and what it comes to."""
    table = Table(caption=EXPLANATION)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for step in climb.steps:
        table.add_row(*cells(step, climb))
    console.print(table)
    for sentence in sentences(climb, header):
        console.print(sentence, style=None if climb.is_whole else "red", highlight=False, markup=False)


def write_results(results: Path, header: CeilingHeader, climb: Climb) -> Path:
    """Write results.md, results.json and the pictures into a directory of this run's own; return it."""
    where = header.own_directory(results, "ceiling")
    (where / "results.json").write_text(json.dumps(_as_json(header, climb), indent=2) + "\n")
    pictures = draw_all(where, climb)
    (where / "results.md").write_text("\n".join(_as_markdown(header, climb, pictures)) + "\n")
    return where


def _as_markdown(header: CeilingHeader, climb: Climb, pictures: Sequence[str]) -> Iterator[str]:
    yield f"# How far one machine goes: {header.date:%Y-%m-%d}, commit {header.commit}"
    yield ""
    yield (
        f"`{header.command}`, {header.seconds / 60:.0f} minutes: {header.pods} pods for at most {header.per_pod:,} "
        f"sockets each, {header.intake_pods} more for intake, and a load client for each pod, all on this machine."
    )
    yield ""
    yield from header.lines()
    yield ""
    for sentence in sentences(climb, header):
        yield f"- {sentence}"
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|" + "---:|" * len(HEADINGS)
    for step in climb.steps:
        yield f"| {' | '.join(cells(step, climb))} |"
    yield ""
    yield EXPLANATION
    for picture in pictures:
        yield ""
        yield f"![{picture.removesuffix('.png')}]({picture})"
    yield ""
    yield "What is not as it is by default:"
    yield ""
    yield "| setting | value | why |"
    yield "|---|---:|---|"
    for choice in CHOICES:
        yield f"| `REALTIME_{choice.setting}` | {choice.value} | {choice.why} |"
    for option, value in REDIS_OPTIONS.items():
        yield f"| Redis `{option}` | {value} | |"


def _as_json(header: CeilingHeader, climb: Climb) -> dict[str, object]:
    return {
        **header.as_json(),
        "ended_by": climb.ended_by,
        "broke": climb.broke,
        "empty": asdict(climb.empty),
        "steps": [asdict(step) for step in climb.steps],
        "path": [dict(zip(("at_seconds", "sockets", "available_bytes"), point, strict=True)) for point in climb.path],
    }


def _late(late: Lateness) -> tuple[str, str]:
    p50, p99 = ("-" if ms is None else f"{ms:.1f}" for ms in (late.p50_ms, late.p99_ms))
    return p50, p99


def _shares(cores: Mapping[str, float]) -> str:
    whole = sum(cores.values()) or 1.0
    return ", ".join(f"{part} {busy / whole:.0%}" for part, busy in sorted(cores.items(), key=lambda one: -one[1]))
