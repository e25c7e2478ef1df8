"""The command line of the benchmark: `make bench`, `make bench ARGS="--quick --check"`."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import programs
from bench.measurements import Measurements
from bench.plan import FULL, QUICK
from bench.processes import FLOOR, NODE, OURS, STOCK
from bench.report import BenchHeader, print_table, write_results
from bench.run import Run
from bench.scenarios import ON_DEMAND, SCENARIOS
from bench.targets import Verdict, judge, load_targets
from tool import machine
from tool.frame import RESULTS, begun, chosen
from tool.needs import need_programs

ALL_SERVERS = (OURS, NODE, STOCK, FLOOR)


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Under five minutes: fewer and smaller measurements.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when a target is missed, and name it.")] = False,
    only: Annotated[str, typer.Option(help=f"Some scenarios, by commas: {', '.join(SCENARIOS)}.")] = "",
    servers: Annotated[str, typer.Option(help=f"Some servers, by commas: {', '.join(ALL_SERVERS)}.")] = "",
    repetitions: Annotated[int, typer.Option(min=0, help="Instead of the plan's; 0: the plan's.")] = 0,
    via: Annotated[str, typer.Option(help="How ours emits in the fan-out: emit (python-socketio), publish.")] = "emit",
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Run ours, Node's socket.io, stock python-socketio and a floor in C on the same work, and compare them."""
    with begun("bench") as tool:
        console = tool.console
        scenarios = chosen(only, tuple(SCENARIOS))
        if not only:
            scenarios = [name for name in scenarios if name not in ON_DEMAND]
        plan = QUICK if quick else FULL
        if repetitions:
            plan = plan.repeated(repetitions)
        need_programs("redis-server")
        machine.raise_descriptor_limit()
        cores = machine.choose_cores()
        _install(console)
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            run = Run(
                directory=tool.directory,
                cores=cores,
                plan=plan,
                servers=chosen(servers, ALL_SERVERS),
                progress=progress,
                task=progress.add_task("", total=len(scenarios)),
                via=via,
            )
            asyncio.run(_run_all(run, scenarios))

        verdicts = [judge(target, run.measurements) for target in load_targets()]
        header = tool.header(
            BenchHeader,
            beside=sorted(run.parts_used) or ["nothing"],
            versions=programs.versions(),
            problems=[problem.splitlines()[0] for problem in run.problems],  # the rest may name this machine's paths
        )
        print_table(console, run.measurements)
        tool.tell_where(write_results(results, header, run.measurements, verdicts))
        _conclude(console, run.measurements, verdicts, run.problems, check=check)


async def _run_all(run: Run, scenarios: list[str]) -> None:
    # All children but the servers stay on this core: the load client, Redis, Kafka.
    os.sched_setaffinity(0, {run.cores.rest})
    for name in scenarios:
        run.progress.console.print(f"[bold]{name}[/bold]")
        began = time.monotonic()
        await SCENARIOS[name](run)
        run.progress.console.print(f"  took {time.monotonic() - began:.0f} s", style="dim", highlight=False)
        run.progress.advance(run.task)
    run.say("done")


def _install(console: Console) -> None:
    with console.status("Compiling the load client, installing socket.io ..."):
        for name in programs.C_SOURCES:
            programs.c_program(name)
        programs.node_packages()


def _conclude(
    console: Console, measurements: Measurements, verdicts: list[Verdict], problems: list[str], *, check: bool
) -> None:
    for problem in problems:
        console.print(f"FAILED: {problem}", style="red", markup=False)
    short = [verdict for verdict in verdicts if verdict.falls_short]
    for verdict in short:
        console.print(f"Falls short: {verdict}", style="red", markup=False)
    reached = sum(verdict.measured is not None and not verdict.falls_short for verdict in verdicts)
    unmeasured = sum(verdict.measured is None for verdict in verdicts)
    console.print(f"Targets: {reached} reached, {len(short)} missed, {unmeasured} not measured in this run.")
    if problems or (check and short) or not measurements.values:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
