"""The table on the terminal, and the files of the results."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measurements import Measurements
from scorecard import plot
from scorecard.contenders import Contender
from scorecard.lines import lines_of
from tool.kept import Header


@dataclass(frozen=True)
class ScoreHeader(Header):
    """And who was left out, what went wrong, and what was counted, in words."""

    left_out: list[str]
    problems: list[str]
    counted: list[str]


def print_table(console: Console, measurements: Measurements, contenders: Sequence[Contender]) -> None:
    """Print all rows; the best of each is bold."""
    table = Table(title="Scorecard: medians; the best in bold")
    for heading in ("", "unit"):
        table.add_column(heading)
    for contender in contenders:
        table.add_column(contender.title, justify="right")
    for line in lines_of(measurements, contenders):
        cells = [line.text(i).replace("[", r"\[") for i in range(len(contenders))]
        table.add_row(
            line.metric.title,
            line.metric.unit,
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
        f"`{header.command}`, {header.seconds / 60:.0f} minutes. Medians, and in brackets the spread of the",
        "repetitions; the best of each row is bold. What a row is, and what differs: docs/scorecard.md.",
        "",
        *header.lines(),
        "",
    ]
    if header.left_out:
        written += [f"Left out, since this machine lacks what it takes: {', '.join(header.left_out)}.", ""]
    if header.problems:
        written += ["**Failed:**", "", *(f"- {' '.join(problem.split())}" for problem in header.problems), ""]
    headings = ["", "unit", *(contender.title for contender in contenders)]
    written += [f"| {' | '.join(headings)} |", "|---|---|" + "---:|" * len(contenders)]
    for line in lines_of(measurements, contenders):
        cells = [f"**{line.text(i)}**" if i in line.best else line.text(i) for i in range(len(contenders))]
        written.append(f"| {' | '.join([line.metric.title, line.metric.unit, *cells])} |")
    written += ["", *(f"- {contender.title}: {contender.what}." for contender in contenders)]
    written += ["", *(f"- {sentence}" for sentence in header.counted)] if header.counted else []
    written += ["", "![scorecard](scorecard.png)"]
    return "\n".join(written) + "\n"
