"""What is kept of a run, in a directory: report.html, results.md, results.json, the timeline and pictures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich import table as rich_table
from rich.console import Console

from load import plots
from load.page import Page, Table
from load.progress import ENTRY, rates
from load.stage import Lived
from swarm import timeline as timelines
from swarm.timeline import FULL_PERCENT, FULL_SECONDS, WORKER_LOST
from tool.errors import Unable
from tool.kept import Header
from tool.quantities import MB

THRESHOLDS: Final = ("what", "limit", "measured", "allowed", "")
ENTRIES: Final = ("entry", "count", "failures", "p50 ms", "p95 ms", "p99 ms")
FAILURES: Final = ("entry", "what", "times")
PROCESSES: Final = ("process", "sockets, at most", "cores, mean", "cores, at most", "MB at first", "MB, at most")
ENTRIES_NOTE: Final = (
    "Of the whole run. deliver: from the Kafka record's timestamp until the client has it; caught up: likewise, of "
    "what was written while the client was away. connection lost is counted, and no failure."
)
PROCESSES_NOTE: Final = (
    "Resident memory; what the kernel buffers for sockets is not in it. A pod that was restarted begins anew."
)
TIMELINE: Final = "timeline.jsonl"


@dataclass(frozen=True)
class Report:
    """A run that is over. `facts` are what it was, in a few words each."""

    title: str
    facts: Mapping[str, str]
    lived: Lived
    header: Header | None = None  # none of a run that took place elsewhere

    @property
    def problems(self) -> list[str]:
        """Why it was not what it was meant to be."""
        summary = self.lived.timeline.summary
        found = [*self.lived.problems, *(summary.problems if summary is not None else ())]
        return found if summary is not None else [*found, "the run was cut off: its timeline has no end"]

    @property
    def exit_code(self) -> int:
        """0 where all was kept to, 1 where a threshold or the restart was not, 3 where the run was not carried out."""
        summary = self.lived.timeline.summary
        if summary is None or summary.exit_code == WORKER_LOST:
            return WORKER_LOST
        return 1 if self.problems or not all(judged.is_kept for judged in summary.thresholds) else 0

    @property
    def verdict(self) -> str:
        """In one line."""
        summary = self.lived.timeline.summary
        if summary is None or summary.exit_code == WORKER_LOST:
            return f"Not carried out: {self.problems[0]}"
        broken = [str(judged) for judged in summary.thresholds if not judged.is_kept]
        if broken or self.problems:
            return f"Broken: {'; '.join([*self.problems, *broken])}"
        return f"Kept: all {len(summary.thresholds)} thresholds"

    def thresholds(self) -> list[list[str]]:
        """A row for each, those that were not kept to first."""
        summary = self.lived.timeline.summary
        judged = sorted(summary.thresholds if summary is not None else (), key=lambda one: one.is_kept)
        return [
            [one.name, one.limit, f"{one.measured:,.6g}", f"{one.allowed:,.6g}", "kept" if one.is_kept else "BROKEN"]
            for one in judged
        ]

    def entries(self) -> list[list[str]]:
        """A row for each of Locust's entries."""
        summary = self.lived.timeline.summary
        seconds = self.lived.timeline.seconds
        found = summary.entries if summary is not None else seconds[-1].entries if seconds else {}
        return [
            [
                name,
                *(f"{count:,}" for count in (entry.count, entry.failures)),
                *("" if value is None else f"{value:,.0f}" for value in (entry.p50_ms, entry.p95_ms, entry.p99_ms)),
            ]
            for name, entry in sorted(found.items())
        ]

    def failures(self) -> list[list[str]]:
        """A row for each kind, the most frequent first."""
        summary = self.lived.timeline.summary
        return [[one.name, one.what, f"{one.occurrences:,}"] for one in (summary.failures if summary else ())]

    def processes(self) -> list[list[str]]:
        """A row for each process that was sampled, pods first; cores are those of the run alone."""
        tracks = self.lived.tracks
        end = max((second.seconds for second in self.lived.timeline.seconds), default=0.0)
        rows = []
        for name, sampled in tracks.cores.items():
            cores = [value for at, value in sampled if 0 <= at <= end]
            memory = [value / MB for at, value in tracks.resident_bytes[name] if 0 <= at <= end]
            sockets = [value for _, value in tracks.connections.get(name, ())]
            if not (cores and memory):
                continue
            numbers = (sum(cores) / len(cores), max(cores))
            rows.append(
                [
                    name,
                    f"{max(sockets):,.0f}" if sockets else "",
                    *(f"{number:.2f}" for number in numbers),
                    *(f"{number:,.0f}" for number in (memory[0], max(memory))),
                ]
            )
        return rows

    def numbers(self) -> list[tuple[str, str]]:
        """What one looks for first: (value, of what)."""
        seconds, summary = self.lived.timeline.seconds, self.lived.timeline.summary
        if not seconds:
            return []
        deliveries = rates(seconds, "deliveries", plots.RATE_SECONDS)
        entries = summary.entries if summary is not None else seconds[-1].entries
        late = entries.get(ENTRY)
        wrong = [entries[name].failures if name in entries else 0 for name in ("gap", "duplicate")]
        delivered = (summary or seconds[-1]).deliveries
        return [
            (f"{max(second.connected for second in seconds):,}", "connected, at most"),
            (f"{delivered:,}", "messages delivered"),
            (f"{max((rate for _, rate in deliveries), default=0):,.0f}", "deliveries/s, at most"),
            ("" if late is None or late.p50_ms is None else f"{late.p50_ms:,.0f} ms", "late, p50"),
            ("" if late is None or late.p99_ms is None else f"{late.p99_ms:,.0f} ms", "late, p99"),
            (f"{wrong[0]:,}", "gaps"),
            (f"{wrong[1]:,}", "came twice"),
            (f"{self.lived.timeline.busiest_percent:.0f} %", "of its core, busiest worker"),
        ]

    def notes(self) -> list[str]:
        """What the numbers are to be read with."""
        timeline = self.lived.timeline
        if timeline.full_seconds < FULL_SECONDS:
            return []
        note = (
            f"A worker of Locust was at its limit: the busiest took {timeline.busiest_percent:.0f} % of its core, and "
            f"{FULL_PERCENT:.0f} % or more in {timeline.full_seconds} of {len(timeline.seconds)} seconds. Lateness and "
            "rates are its own as much as the cluster's: divide the people over more workers (--processes, --worker)."
        )
        return [note]

    def tables(self) -> list[Table]:
        """All of them; the thresholds first."""
        return [
            Table("Thresholds", THRESHOLDS, self.thresholds()),
            Table("What was measured", ENTRIES, self.entries(), ENTRIES_NOTE),
            Table("What it cost", PROCESSES, self.processes(), PROCESSES_NOTE),
            Table("Failures", FAILURES, self.failures()),
        ]

    def events(self) -> list[str]:
        """What was done to the pods, and when."""
        return [f"{at:.1f} s: {what}" for at, what in self.lived.marks]


def print_report(console: Console, report: Report) -> None:
    """Print the verdict, and what it is made of."""
    for title, headings, rows in (
        ("", ENTRIES, report.entries()),
        ("", PROCESSES, report.processes()),
        ("Thresholds", THRESHOLDS, [row for row in report.thresholds() if row[-1] != "kept"]),
    ):
        if not rows:
            continue
        table = rich_table.Table(title=title or None)
        words = 3 if headings is THRESHOLDS else 1
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number < words else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    busiest = report.lived.timeline.busiest_percent
    console.print(f"The busiest worker of Locust took {busiest:.0f} % of its core, at most.", highlight=False)
    for note in report.notes():
        console.print(note, style="yellow", markup=False, highlight=False)
    style = "green" if report.exit_code == 0 else "red"
    console.print(report.verdict, style=style, markup=False, highlight=False)
    for problem in report.problems[1:]:
        console.print(problem, style="red", markup=False, highlight=False)


def make(directory: Path) -> None:
    """Make the directory of --report. Raises `Unable` where that cannot be."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unable(f"--report {error}") from None


def write(where: Path, report: Report) -> None:
    """Write all of it into a directory that is there."""
    timeline = report.lived.timeline
    pictures = plots.draw_all(where, report.lived) if timeline.seconds else []
    (where / "report.html").write_text(_page(report, {name: (where / name).read_bytes() for name in pictures}).html())
    (where / "results.md").write_text(_as_markdown(report, pictures))
    (where / "results.json").write_text(json.dumps(_as_json(report), indent=1) + "\n")
    with (where / TIMELINE).open("w") as file:
        timelines.write(file, timeline)


def _page(report: Report, pictures: Mapping[str, bytes]) -> Page:
    thresholds, *tables = report.tables()
    beside = {} if report.header is None else {"Machine": report.header.machine, "Versions": report.header.versions}
    facts = {name: ", ".join(f"{one} {value}" for one, value in pairs.items()) for name, pairs in beside.items()}
    return Page(
        title=report.title,
        verdict=report.verdict,
        is_good=report.exit_code == 0,
        problems=report.problems,
        numbers=report.numbers(),
        notes=report.notes(),
        facts={**report.facts, **facts},
        first=[thresholds],
        pictures=pictures,
        then=tables,
        events=report.events(),
    )


def _as_markdown(report: Report, pictures: Sequence[str]) -> str:
    lines = [f"# {report.title}", "", f"**{report.verdict}**", ""]
    lines += [line for note in report.notes() for line in (note, "")]
    lines += [f"- {name}: {value}" for name, value in report.facts.items()]
    lines += [f"- {of[0].upper()}{of[1:]}: {value}" for value, of in report.numbers() if value]
    lines += [f"\n![{name.removesuffix('.png')}]({name})" for name in pictures]
    for table in report.tables():
        if table.rows:
            lines += ["", f"## {table.title}", "", *_markdown_table(table), *(["", table.note] if table.note else ())]
    if report.events():
        lines += ["", "## What was done to the pods", "", *(f"- {one}" for one in report.events())]
    if report.header is not None:
        lines += ["", *report.header.lines()]
    return "\n".join(lines) + "\n"


def _markdown_table(table: Table) -> Iterable[str]:
    yield f"| {' | '.join(table.headings)} |"
    yield "|---" + "|---:" * (len(table.headings) - 1) + "|"
    for row in table.rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _as_json(report: Report) -> dict[str, object]:
    lived = report.lived
    return {
        **(report.header.as_json() if report.header is not None else {}),
        "verdict": report.verdict,
        "exitCode": report.exit_code,
        "problems": report.problems,
        "notes": report.notes(),
        "busiestWorkerPercent": report.lived.timeline.busiest_percent,
        "facts": report.facts,
        "summary": None if lived.timeline.summary is None else asdict(lived.timeline.summary),
        "phases": lived.timeline.phases,
        "marks": lived.marks,
        "processes": [dict(zip(PROCESSES, row, strict=True)) for row in report.processes()],
        "samples": {
            what: {name: [[round(at, 2), round(value, 3)] for at, value in points] for name, points in tracks.items()}
            for what, tracks in asdict(lived.tracks).items()
        },
    }
