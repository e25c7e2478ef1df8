"""The command line of the drill: `make drill`, `make drill ARGS="--only redis_away"`."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.status import Status

from chaos.scenario import Progress
from drill.expectations import EXPECTED
from drill.faults import FAULTS, HOLD_SECONDS
from drill.rehearsal import Rehearsal, rehearse
from drill.report import in_short, print_rehearsal, write_results
from parts.apache_kafka import ApacheKafka
from parts.haproxy import haproxy_name
from parts.prometheus import prometheus_name
from parts.redis_server import redis_name
from tool import machine
from tool.frame import REPOSITORY, RESULTS, begun, chosen
from tool.kept import Header
from tool.needs import need_programs

RULES: Final = REPOSITORY / "deploy" / "prometheus" / "rules.yaml"
ROUTES: Final = REPOSITORY / "deploy" / "prometheus" / "alertmanager.yaml"
DASHBOARDS: Final = REPOSITORY / "grafana" / "dashboards"
SAY_SECONDS: Final = 0.5
NEEDED: Final = ("java", "mvn", "haproxy", "redis-server", "prometheus", "alertmanager")
DEFAULT: Final = "redis_away"


def main(
    only: Annotated[str, typer.Option(help=f"Which faults, by commas: {', '.join(FAULTS)}; or all.")] = DEFAULT,
    hold: Annotated[float, typer.Option(help="Seconds that the fault lasts; 0: as the table means it.")] = 0.0,
    seed: Annotated[int, typer.Option(help="What the crowd does by chance; 0: another thing each time.")] = 0,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Break something under load, and see which alerts and panels tell, in what order and when.

    Exits 1 when one that must tell stays silent or is late, when an alert does not end, or when an event was lost.
    """
    with begun("drill") as tool:
        names = chosen("" if only == "all" else only, tuple(FAULTS))
        need_programs(*NEEDED)
        machine.raise_descriptor_limit()
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away may be what is meant to be
        rehearsals = asyncio.run(_rehearse_all(tool.console, names, hold, tool.directory, seed))
        beside = [ApacheKafka.title, redis_name(), haproxy_name(), prometheus_name()]
        tool.tell_where(write_results(results, tool.header(Header, beside=beside), rehearsals))
        if not all(rehearsal.is_passed for rehearsal in rehearsals):
            raise SystemExit(1)


async def _rehearse_all(console: Console, names: list[str], hold: float, directory: Path, seed: int) -> list[Rehearsal]:
    rehearsals = []
    with console.status("Starting Kafka") as status:
        kafka = ApacheKafka(directory / "kafka")
        await kafka.start()
        try:
            for number, name in enumerate(names, 1):
                progress = Progress()
                title = f"{number} of {len(names)}: {name}"
                console.print(f"{title}, for {hold or HOLD_SECONDS[name]:g} s", highlight=False)
                saying = asyncio.create_task(_say(console, status, title, progress))
                try:
                    rehearsal = await rehearse(
                        name,
                        EXPECTED[name],
                        kafka,
                        directory / name,
                        progress,
                        lambda text: console.print(text, highlight=False, markup=False),
                        hold_seconds=hold or None,
                        rules=RULES,
                        routes=ROUTES,
                        dashboards=DASHBOARDS,
                        seed=seed or time.time_ns(),
                    )
                finally:
                    saying.cancel()
                rehearsals.append(rehearsal)
                console.print(in_short(rehearsal), highlight=False, markup=False)
                print_rehearsal(console, rehearsal)
        finally:
            await kafka.kill()
    return rehearsals


async def _say(console: Console, status: Status, title: str, progress: Progress) -> None:
    said = ""
    while True:
        status.update(f"{title}, {progress}")
        # Where nobody sees a line that changes, one for each phase.
        if not console.is_terminal and progress.current_phase != said:
            said = progress.current_phase
            console.print(f"{title}, {progress}", highlight=False, markup=False)
        await asyncio.sleep(SAY_SECONDS)


if __name__ == "__main__":
    typer.run(main)
