"""The table that is printed, and what is kept of a run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from chaos.judge import Wrong
from chaos.scenario import Outcome
from tool.kept import Header

# Of the violations of one scenario; the rest is in results.json.
MAX_SHOWN: Final = 10
OTHER: Final = (Wrong.UNRECOVERED, Wrong.REFUSED, Wrong.UNREADABLE, Wrong.UNKNOWN)
HEADINGS: Final = (
    "scenario",
    "promise",
    "events",
    "users",
    "fault s",
    *("lost", "twice", "order", "route", "other"),
    *("told", "again", "forgot", "unjudged"),
    "recover s",
    "",
)
SUMMED: Final = (2, *range(5, 14))
EXPLANATION: Final = (
    "Violations: lost, heard twice, out of order, routed to somebody else, others. Excused, for the docs say so: told "
    "(the server said that it could not go on), again (published again after Redis had lost its data), forgot (what "
    "waited in Redis then for devices that keep no place). Unjudged: what was on its way to such devices when they "
    "were cut off, or came while a dead pod was still taken to hold them."
)


def rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """One row for each scenario, and one for all."""
    table = [_row(outcome) for outcome in outcomes]
    if len(outcomes) > 1:
        green = sum(outcome.is_green for outcome in outcomes)
        sums = {column: sum(int(row[column].replace(",", "")) for row in table) for column in SUMMED}
        total = [f"{sums[column]:,}" if column in sums else "" for column in range(len(HEADINGS))]
        table.append(["all", f"{green} of {len(outcomes)} kept", *total[2:]])
    return table


def _row(outcome: Outcome) -> list[str]:
    verdict = outcome.verdict
    counts = [verdict.events, verdict.users]
    wrongs = [verdict.count(wrong) for wrong in (Wrong.LOST, Wrong.DUPLICATED, Wrong.MISORDERED, Wrong.MISROUTED)]
    excused = [verdict.told, verdict.repeated, verdict.forgotten, verdict.unjudged]
    recovered = "never" if outcome.seconds_to_recover is None else f"{outcome.seconds_to_recover:.1f}"
    return [
        outcome.fault,
        outcome.promise,
        *(f"{count:,}" for count in counts),
        f"{outcome.fault_seconds:.1f}",
        *(f"{count:,}" for count in wrongs),
        f"{sum(map(verdict.count, OTHER)):,}",
        *(f"{count:,}" for count in excused),
        recovered,
        "kept" if outcome.is_green else "BROKEN" if verdict.violations else "NOT DONE",
    ]


def print_what_is_wrong(console: Console, outcome: Outcome) -> None:
    """Print why a scenario was not kept, and what the parts said last."""
    for problem in outcome.problems:
        console.print(f"{outcome.fault}: {problem}", style="red", markup=False, highlight=False)
    for violation in outcome.verdict.violations[:MAX_SHOWN]:
        console.print(f"{outcome.fault}: {violation}", style="red", markup=False, highlight=False)
    more = len(outcome.verdict.violations) - MAX_SHOWN
    if more > 0:
        console.print(f"{outcome.fault}: and {more} more", style="red")
    for part, said in outcome.logs.items():
        console.print(f"--- {part}\n{said}", style="dim", highlight=False, markup=False)


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print what came of all scenarios."""
    table = Table(caption=EXPLANATION)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number in {0, 1, len(HEADINGS) - 1} else "right")
    for row in rows(outcomes):
        table.add_row(*row)
    console.print(table)


def write_results(results: Path, header: Header, outcomes: Sequence[Outcome]) -> Path:
    """Write results.json and results.md into a directory of this run's own; return it."""
    where = header.own_directory(results, "chaos")
    (where / "results.json").write_text(json.dumps(_as_json(header, outcomes), indent=2, default=str) + "\n")
    (where / "results.md").write_text(_as_markdown(header, outcomes))
    return where


def _as_json(header: Header, outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        **header.as_json(),
        "scenarios": [
            # What the parts said last may name this machine's paths.
            {name: value for name, value in asdict(outcome).items() if name != "logs"} | {"kept": outcome.is_green}
            for outcome in outcomes
        ],
    }


def _as_markdown(header: Header, outcomes: Sequence[Outcome]) -> str:
    lines = [
        f"# Chaos of {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes. {EXPLANATION}",
        "",
        *header.lines(),
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---|---|" + "---:|" * (len(HEADINGS) - 3) + "---|",
        *(f"| {' | '.join(row)} |" for row in rows(outcomes)),
    ]
    for outcome in outcomes:
        for violation in outcome.verdict.violations[:MAX_SHOWN]:
            lines += ["", f"{outcome.fault}:", "", "```", str(violation), "```"]
    return "\n".join(lines) + "\n"
