"""`make load-report ARGS="run.jsonl"`: the report of a run of `make swarm`, wherever it was and against whatever."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from load import report
from load.report import Report
from load.stage import Lived
from swarm.timeline import Timeline, read
from tool import kept

BAD_SETTINGS: Final = 2
LINE_CHARACTERS: Final = 160


def main(
    timeline: Annotated[Path, typer.Argument(help="What `make swarm ARGS=--timeline ...` wrote.")],
    report_directory: Annotated[
        Path | None, typer.Option("--report", help="Where the report goes; else beside the timeline.")
    ] = None,
) -> None:
    """Draw up the report of a timeline.

    Exits as the run did: 1 when a threshold was not kept to, 3 when a worker died or the run was cut off; 2 when there
    is nothing to report.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=LINE_CHARACTERS)
    try:
        told = read(timeline)
    except (OSError, ValueError) as error:
        _cannot(f"{timeline}: {error}")
    if not told.seconds:
        _cannot(f"{timeline} holds no second of a run: did it begin?")
    where = report_directory or timeline.with_suffix("")
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _cannot(f"--report {error}")
    done = Report(_title(told), _facts(told), Lived(told))
    report.print_report(console, done)
    report.write(where, done)
    kept.print_where(console, where / "report.html")
    raise SystemExit(done.exit_code)


def _title(told: Timeline) -> str:
    most = max(second.wanted for second in told.seconds)
    return f"Load: {'' if told.summary is None else told.summary.options['shape']}, {most:,} people".replace(": ,", ":")


def _facts(told: Timeline) -> dict[str, str]:
    began = datetime.fromtimestamp(told.seconds[0].at, UTC)
    facts = {"Date": f"{began:%Y-%m-%d %H:%M} UTC"}
    if told.summary is None:
        return facts
    options = told.summary.options
    return facts | {
        "Target": f"{options['host']}",
        "People": f"{max(second.wanted for second in told.seconds):,} by {options['transport']}",
        "Shape": f"{options['shape']}, {told.summary.seconds:.0f} s",
        "Events": f"{options['events_per_second']:g} a second of each of {told.seconds[-1].workers} workers",
    }


def _cannot(why: str) -> NoReturn:
    print(f"load-report: {why}", file=sys.stderr)
    raise SystemExit(BAD_SETTINGS)


if __name__ == "__main__":
    typer.run(main)
