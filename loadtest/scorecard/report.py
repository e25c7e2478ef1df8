"""The table on the terminal, and the files of the results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measurements import Measurements
from scorecard import plot
from scorecard.contenders import Contender
from scorecard.lines import LIMITED_NOTE, WEAK_NOTE, Line, lines_of
from tool.kept import Header


@dataclass(frozen=True)
class ScoreHeader(Header):
    """And who was left out, what went wrong, and what was counted of whom in which row."""

    left_out: list[str]
    problems: list[str]
    counted: Mapping[str, Mapping[str, int]]


def print_table(console: Console, measurements: Measurements, contenders: Sequence[Contender]) -> None:
    """Print all rows; the best of each is bold."""
    table = Table(title="Scorecard: medians; in bold the best, and all who may be as good")
    for heading in ("", "unit", "n"):
        table.add_column(heading)
    for contender in contenders:
        table.add_column(contender.title, justify="right")
    for line in lines_of(measurements, contenders):
        cells = [line.text(i).replace("[", r"\[") for i in range(len(contenders))]
        table.add_row(
            line.metric.title,
            line.metric.unit,
            repetitions_of(line),
            *(f"[bold green]{text}[/]" if i in line.best else text for i, text in enumerate(cells)),
        )
    console.print(table)


def write_results(
    results: Path, header: ScoreHeader, measurements: Measurements, contenders: Sequence[Contender]
) -> Path:
    """Write results.json, results.md and the picture into a directory of this run's own; return it."""
    where = header.own_directory(results, "scorecard")
    (where / "results.json").write_text(json.dumps(_as_json(header, measurements, contenders), indent=2) + "\n")
    (where / "results.md").write_text(_as_markdown(header, measurements, contenders))
    title = f"Scorecard of {header.date:%Y-%m-%d}, commit {header.commit}; best in green"
    plot.draw(where / "scorecard.png", title, lines_of(measurements, contenders), contenders)
    return where


def _as_json(header: ScoreHeader, measurements: Measurements, contenders: Sequence[Contender]) -> dict[str, object]:
    measured = []
    for line in lines_of(measurements, contenders):
        values = {
            contender.kind: asdict(summary) | {"values": measurements.values[line.metric.id, contender.kind]}
            for contender, summary in zip(contenders, line.summaries, strict=True)
            if summary is not None
        }
        measured.append(asdict(line.metric) | {"contenders": values})
    return {**header.as_json(), "measured": measured}


def _as_markdown(header: ScoreHeader, measurements: Measurements, contenders: Sequence[Contender]) -> str:
    written = [
        f"# Scorecard of {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes. Medians, and in brackets the spread of the `n`",
        "repetitions; bold are the best and all who may be as good: their spreads overlap. What a row is, and what",
        "differs: docs/scorecard.md.",
        "",
        *header.lines(),
        "",
    ]
    if header.left_out:
        written += [f"Left out, since this machine lacks what it takes: {', '.join(header.left_out)}.", ""]
    if header.problems:
        written += ["**Failed:**", "", *(f"- {' '.join(problem.split())}" for problem in header.problems), ""]
    written += markdown_table(lines_of(measurements, contenders), contenders)
    written += ["", *(f"- {contender.title}: {contender.what}." for contender in contenders)]
    if header.counted:
        written += ["", *(f"- {what}: {_counted(counts)}" for what, counts in sorted(header.counted.items()))]
    written += ["", "![scorecard](scorecard.png)"]
    return "\n".join(written) + "\n"


def markdown_table(lines: Sequence[Line], contenders: Sequence[Contender]) -> list[str]:
    """The rows in markdown, and what marks in them mean."""
    headings = ["", "unit", "n", *(contender.title for contender in contenders)]
    written = [f"| {' | '.join(headings)} |", "|---|---|---|" + "---:|" * len(contenders)]
    for line in lines:
        cells = [f"**{line.text(i)}**" if i in line.best else line.text(i) for i in range(len(contenders))]
        written.append(f"| {' | '.join([line.metric.title, line.metric.unit, repetitions_of(line), *cells])} |")
    if any(line.is_weak for line in lines):
        written += ["", WEAK_NOTE]
    if any(line.limited for line in lines):
        written += ["", LIMITED_NOTE]
    return written


def repetitions_of(line: Line) -> str:
    """How many, marked where they are too few."""
    return f"{line.repetitions}, weak" if line.is_weak else str(line.repetitions)


def _counted(counts: Mapping[str, int]) -> str:
    return (
        f"{counts['delivered']:,} of {counts['owed']:,} events were delivered to clients that came back"
        f" {counts['times back']:,} times (n={counts['repetitions']})."
    )
