"""The command line: `make soak`, or with ARGS="--minutes 10"."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parts.apache_kafka import ApacheKafka
from parts.haproxy import haproxy_name
from parts.redis_server import redis_name
from soak.report import print_soaked, write_results
from soak.run import INTERRUPTED, Plan, Soaked, soak
from tool.frame import BROKEN, RESULTS, begun
from tool.kept import Header
from tool.machine import need_descriptors
from tool.needs import need_programs

# Of this process for each client: polling has two connections at times.
DESCRIPTORS_OF_A_CLIENT: Final = 3
OTHER_DESCRIPTORS: Final = 500


def main(
    minutes: Annotated[float, typer.Option(min=3, help="How long; half of it is for what has to fill.")] = 60.0,
    clients: Annotated[int, typer.Option(min=3, help="Clients that are there at any time.")] = 1_000,
    churn: Annotated[float, typer.Option(min=0, max=10, help="Which share of them goes in each minute.")] = 0.2,
    events_per_second: Annotated[
        float, typer.Option(min=0, help="0: as many as take half of the machine's processor time.")
    ] = 0.0,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Keep three pods at half load while clients come and go.

    Exits 1 when something grows, or may have, when an event is lost or comes twice, or when a part ends; also then, and
    after Ctrl-C, what is known by then is kept.
    """
    with begun("soak") as tool:
        need_programs("java", "mvn", "redis-server", "haproxy")
        need_descriptors(clients * DESCRIPTORS_OF_A_CLIENT + OTHER_DESCRIPTORS, f"{clients:,} clients")
        for library in ("aiokafka", "asyncio"):
            logging.getLogger(library).setLevel(logging.CRITICAL)
        plan = Plan(minutes, clients, churn, events_per_second or None)
        soaked = uvloop.run(_run(tool.console, plan, tool.directory))
        header = tool.header(Header, beside=[ApacheKafka.title, redis_name(), haproxy_name()])
        print_soaked(tool.console, soaked)
        tool.tell_where(write_results(results, header, soaked))
        if soaked.broke == INTERRUPTED:
            raise KeyboardInterrupt
        if not soaked.is_good:
            raise SystemExit(BROKEN)


async def _run(console: Console, plan: Plan, directory: Path) -> Soaked:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("Starting", total=plan.minutes * 60)
        told_minutes = 0

        def say(what: str) -> None:
            bar.update(task, description=what)
            if not console.is_terminal:
                console.print(f"{datetime.now(UTC):%H:%M:%S} {what}", highlight=False, markup=False)

        def tell(seconds: float, what: str) -> None:
            nonlocal told_minutes
            bar.update(task, completed=seconds, description=what)
            if not console.is_terminal and seconds // 60 > told_minutes:
                told_minutes = int(seconds // 60)
                say(what)

        return await soak(plan, directory, say, tell)


if __name__ == "__main__":
    typer.run(main)
