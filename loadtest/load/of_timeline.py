"""`make load-report ARGS="run.jsonl"`: the report of a run of `make swarm`, wherever it was and against whatever."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from load import report
from load.report import Report, make
from load.stage import Lived
from swarm.timeline import Timeline, read
from tool.errors import Unable
from tool.frame import begun


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
    with begun("load-report") as tool:
        try:
            told = read(timeline)
        except (OSError, ValueError) as error:
            raise Unable(f"{timeline}: {error}") from None
        if not told.seconds:
            raise Unable(f"{timeline} holds no second of a run: did it begin?")
        where = report_directory or timeline.with_suffix("")
        make(where)
        done = Report(_title(told), _facts(told), Lived(told))
        report.print_report(tool.console, done)
        report.write(where, done)
        tool.tell_where(where / "report.html")
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


if __name__ == "__main__":
    typer.run(main)
