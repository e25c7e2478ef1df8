"""The table on the terminal, and the files of the results."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measurements import Measurements, Summary
from bench.processes import FLOOR, NODE, OURS, STOCK
from bench.targets import Verdict
from tool.kept import Header

COLUMNS = (OURS, NODE, STOCK, FLOOR)


@dataclass(frozen=True)
class BenchHeader(Header):
    """And what went wrong."""

    problems: list[str]


def rows(measurements: Measurements) -> list[list[str]]:
    """The table's rows: metric, unit, a median with its spread for each server, the ratios to Node and to the floor."""
    table = []
    for metric in measurements.metrics.values():
        cells = [_cell(measurements.summary(metric.id, server)) for server in COLUMNS]
        ratios = [_ratio(measurements, metric.id, other) for other in (NODE, FLOOR)]
        table.append([metric.title, metric.unit, *cells, *ratios])
    return table


HEADINGS = ("", "unit", *COLUMNS, "ours / node", "ours / floor")


def print_table(console: Console, measurements: Measurements) -> None:
    """Print all medians and ratios."""
    table = Table(title="Medians; the spread of the repetitions in brackets")
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number < 2 else "right")
    for row in rows(measurements):
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)


def write_results(results: Path, header: BenchHeader, measurements: Measurements, verdicts: Sequence[Verdict]) -> Path:
    """Write results.json, results.md and the plots into a directory of this run's own; return it."""
    where = header.own_directory(results)
    (where / "results.json").write_text(json.dumps(_as_json(header, measurements, verdicts), indent=2) + "\n")
    plots = _draw(where, measurements)
    (where / "results.md").write_text(_as_markdown(header, measurements, verdicts, plots))
    return where


def _draw(where: Path, measurements: Measurements) -> list[str]:
    try:
        from bench.plots import draw_all  # noqa: PLC0415 - matplotlib is heavy, and the run is worth more than its plots
    except ModuleNotFoundError:
        return []
    return draw_all(where, measurements)


def _as_json(header: BenchHeader, measurements: Measurements, verdicts: Sequence[Verdict]) -> dict[str, object]:
    measured = []
    for metric in measurements.metrics.values():
        servers = {}
        for server in COLUMNS:
            summary = measurements.summary(metric.id, server)
            if summary is not None:
                servers[server] = asdict(summary) | {"values": measurements.values[metric.id, server]}
        ratios = {}
        for other in (NODE, STOCK, FLOOR):
            ratio = measurements.ratio(metric.id, OURS, other)
            if ratio is not None:
                ratios[other] = asdict(ratio)
        measured.append(asdict(metric) | {"servers": servers, "ours_over": ratios})
    return {
        **header.as_json(),
        "measured": measured,
        "targets": [
            asdict(verdict.target) | {"measured": verdict.measured, "falls_short": verdict.falls_short}
            for verdict in verdicts
        ],
    }


def _as_markdown(
    header: BenchHeader, measurements: Measurements, verdicts: Sequence[Verdict], plots: Sequence[str]
) -> str:
    lines = [
        f"# Benchmark of {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes. Medians, and in brackets the spread of the",
        "repetitions; *noise* means that the two spreads overlap.",
        "",
        *header.lines(),
        "",
    ]
    if header.problems:
        lines += ["**Failed:**", "", *(f"- {' '.join(problem.split())}" for problem in header.problems), ""]
    lines += ["## Targets", "", "| target | measured | wanted | |", "|---|---:|---|---|"]
    for verdict in verdicts:
        if verdict.measured is not None:
            outcome = ("**missed**" if verdict.falls_short else "reached") + (" (noise)" if verdict.is_noise else "")
            lines.append(f"| {verdict.target.name} | {verdict.measured:.3g} | {verdict.target.wanted} | {outcome} |")
    unmeasured = sum(verdict.measured is None for verdict in verdicts)
    if unmeasured:
        lines += ["", f"This run did not measure {unmeasured} of the targets."]
    lines += ["", "## Measured", "", f"| {' | '.join(HEADINGS)} |", "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    lines += [f"| {' | '.join(row)} |" for row in rows(measurements)]
    for plot in plots:
        lines += ["", f"![{plot.removesuffix('.png')}]({plot})"]
    return "\n".join(lines) + "\n"


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return "-"
    if summary.repetitions == 1:
        return _number(summary.median)
    return f"{_number(summary.median)} [{_number(summary.lowest)}..{_number(summary.highest)}]"


def _ratio(measurements: Measurements, metric_id: str, other: str) -> str:
    ratio = measurements.ratio(metric_id, OURS, other)
    if ratio is None:
        return "-"
    return f"{ratio.value:.2f}" + (" noise" if ratio.is_noise else "")


def _number(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 1_000_000:
        return f"{value / 1_000_000:.2f}M"
    if magnitude >= 10_000:
        return f"{value / 1_000:.0f}k"
    if magnitude >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
