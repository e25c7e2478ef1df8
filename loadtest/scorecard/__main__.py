"""The command line: `make scorecard`, `make scorecard ARGS="--quick --only drops,restart"`."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import programs
from bench.pods import ADAPTER, CENTRIFUGO
from scorecard.card import Card
from scorecard.contenders import CONTENDERS, OTHER_ADAPTERS, Contender
from scorecard.page import newest, whole_runs, write
from scorecard.plan import FULL, QUICK, Plan
from scorecard.report import ScoreHeader, print_table, write_results
from scorecard.rows import ON_DEMAND, ROWS
from tool import machine
from tool.errors import Unable
from tool.frame import REPOSITORY, RESULTS, Tool, begun, chosen
from tool.needs import need_programs

PAGE = REPOSITORY / "docs" / "scorecard.md"
PICTURE = REPOSITORY / "docs" / "images" / "scorecard.png"


def main(
    quick: Annotated[
        bool, typer.Option("--quick", help="Four minutes: smaller measurements, once each, of Node with one adapter.")
    ] = False,
    only: Annotated[str, typer.Option(help=f"Some rows, by commas: {', '.join(ROWS)}.")] = "",
    servers: Annotated[str, typer.Option(help=f"Some of them, by commas: {', '.join(CONTENDERS)}.")] = "",
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
    page: Annotated[
        bool, typer.Option("--page", help="Measure nothing: write docs/scorecard.md anew, from the newest results.")
    ] = False,
) -> None:
    """Compare the product with Node's socket.io, stock python-socketio and Centrifugo, on the same work.

    Who cannot be had on this machine is left out, and that is said. Exits 1 when a measurement fails.
    """
    with begun("scorecard", programs.Unavailable) as tool:
        if page:
            write(PAGE, PICTURE, newest(whole_runs(results.iterdir())))
            tool.console.print(f"Written: {PAGE}, {PICTURE}", highlight=False)
            return
        rows = chosen(only, tuple(ROWS)) if only else [name for name in ROWS if name not in ON_DEMAND]
        wanted = chosen(servers, tuple(CONTENDERS))
        if quick and not servers:
            wanted = [kind for kind in wanted if kind not in OTHER_ADAPTERS]
        need_programs("redis-server")
        card, contenders, left_out = _measure(tool, QUICK if quick else FULL, wanted, rows)
        header = tool.header(
            ScoreHeader,
            beside=sorted(card.parts_used),
            versions=_versions(contenders),
            left_out=left_out,
            counted={what: dict(counts) for what, counts in card.counted.items()},
            problems=[problem.splitlines()[0] for problem in card.problems],  # the rest may name this machine's paths
        )
        print_table(tool.console, card.measurements, contenders)
        tool.tell_where(write_results(results, header, card.measurements, contenders))
        for problem in card.problems:
            tool.console.print(f"FAILED: {problem}", style="red", markup=False)
        if card.problems or not card.measurements.values:
            raise SystemExit(1)


def _measure(tool: Tool, plan: Plan, wanted: list[str], rows: list[str]) -> tuple[Card, list[Contender], list[str]]:
    machine.raise_descriptor_limit()
    cores = machine.choose_cores()
    contenders, left_out = _prepare(tool.console, wanted)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=tool.console
    ) as progress:
        card = Card(
            directory=tool.directory,
            cores=cores,
            progress=progress,
            task=progress.add_task("", total=len(rows)),
            plan=plan,
            contenders=contenders,
        )
        asyncio.run(_run(card, rows))
    return card, contenders, left_out


async def _run(card: Card, rows: list[str]) -> None:
    # All children but the pods stay on this core: the load client, Redis, Kafka.
    os.sched_setaffinity(0, {card.cores.rest})
    async with card.kafka() as card.broker:
        for name in rows:
            card.progress.console.print(f"[bold]{name}[/bold]")
            began = time.monotonic()
            await ROWS[name](card)
            card.progress.console.print(f"  took {time.monotonic() - began:.0f} s", style="dim", highlight=False)
            card.progress.advance(card.task)
    card.say("done")


def _prepare(console: Console, wanted: list[str]) -> tuple[list[Contender], list[str]]:
    """Install what each takes; who can be had, and who cannot, which is told with the reason."""
    contenders, left_out = [], []
    console.print(
        "Compiling the load client, installing socket.io, building Centrifugo: minutes, the first time", style="dim"
    )
    with console.status("Preparing ..."):
        programs.c_program("client")
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
        raise Unable("there is nobody to compare")
    return contenders, left_out


def _versions(contenders: list[Contender]) -> dict[str, str]:
    kinds = {contender.kind for contender in contenders}
    compared = {"Centrifugo": programs.CENTRIFUGO} if CENTRIFUGO in kinds else {}
    return compared | (programs.versions() if kinds & set(ADAPTER) else {})


if __name__ == "__main__":
    typer.run(main)
