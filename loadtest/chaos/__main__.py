"""The command line of the checker: `make chaos`, `make chaos ARGS=--quick`, `make chaos ARGS="--only pod_killed"`."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.status import Status

from chaos.faults import FAULTS
from chaos.planted import VICTIMS, prove
from chaos.report import print_table, print_what_is_wrong, write_results
from chaos.scenario import FULL, QUICK, Outcome, Plan, Progress, run
from parts.apache_kafka import ApacheKafka
from parts.haproxy import haproxy_name
from parts.redis_server import redis_name
from tool import machine
from tool.errors import Failed
from tool.frame import RESULTS, begun, chosen
from tool.kept import Header
from tool.needs import need_programs

SAY_SECONDS: Final = 0.5
NEEDED: Final = ("java", "mvn", "haproxy", "redis-server", "libfaketime")


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Every fault once, in under eight minutes.")] = False,
    only: Annotated[str, typer.Option(help=f"Some faults, by commas: {', '.join(FAULTS)}.")] = "",
    seed: Annotated[int, typer.Option(help="What the crowd does by chance; 0: another thing each time.")] = 0,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Break the cluster in every way, and prove that no user lost, repeated, misordered or overheard anything.

    Exits 1 at any violation, and when a scenario could not be carried out.
    """
    with begun("chaos") as tool:
        names = chosen(only, tuple(FAULTS))
        need_programs(*NEEDED)
        machine.raise_descriptor_limit()
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away is what is meant to be
        outcomes = asyncio.run(_run_all(tool.console, names, QUICK if quick else FULL, tool.directory, seed))
        header = tool.header(Header, beside=[ApacheKafka.title, redis_name(), haproxy_name()])
        print_table(tool.console, outcomes)
        tool.tell_where(write_results(results, header, outcomes))
        if not all(outcome.is_green for outcome in outcomes):
            raise SystemExit(1)


async def _run_all(console: Console, names: list[str], plan: Plan, directory: Path, seed: int) -> list[Outcome]:
    outcomes = []
    with console.status("Starting Kafka") as status:
        kafka = ApacheKafka(directory / "kafka")
        await kafka.start()
        try:
            await _prove(console, status, kafka, directory)
            for number, name in enumerate(names, 1):
                progress = Progress()
                title = f"{number} of {len(names)}: {name}"
                saying = asyncio.create_task(_say(console, status, title, progress))
                outcome = await run(
                    FAULTS[name](plan.hold_seconds),
                    plan,
                    kafka,
                    directory / name,
                    progress,
                    seed=seed or time.time_ns(),
                )
                saying.cancel()
                outcomes.append(outcome)
                console.print(f"{title}: {_in_short(outcome)}", highlight=False, markup=False)
                print_what_is_wrong(console, outcome)
        finally:
            await kafka.kill()
    return outcomes


async def _prove(console: Console, status: Status, kafka: ApacheKafka, directory: Path) -> None:
    progress = Progress()
    saying = asyncio.create_task(_say(console, status, "the checker itself", progress))
    wrong = await prove(kafka, directory / "planted", progress)
    saying.cancel()
    if wrong:
        raise Failed("the checker is not to be trusted: " + "; ".join(wrong))
    console.print(f"Planted, found and named, and nothing else: {', '.join(VICTIMS)}", highlight=False)


async def _say(console: Console, status: Status, title: str, progress: Progress) -> None:
    said = ""
    while True:
        status.update(f"{title}, {progress}")
        # Where nobody sees a line that changes, one for each phase.
        if not console.is_terminal and progress.current_phase != said:
            said = progress.current_phase
            console.print(f"{title}, {progress}", highlight=False, markup=False)
        await asyncio.sleep(SAY_SECONDS)


def _in_short(outcome: Outcome) -> str:
    verdict = outcome.verdict
    wrong = f"{len(verdict.violations)} violations" if verdict.violations else "nothing wrong"
    problems = "" if not outcome.problems else f", {len(outcome.problems)} problems"
    return f"{verdict.events:,} events, {verdict.deliveries:,} messages, {wrong}{problems}, {outcome.seconds:.0f} s"


if __name__ == "__main__":
    typer.run(main)
