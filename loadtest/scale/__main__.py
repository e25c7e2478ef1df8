"""The command line: `make scale`, or with ARGS="--pods 1,2 --users 100"."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop

from parts.kafka_here import kafka_here
from parts.redis_server import redis_name
from scale.copies import measure_copies
from scale.crowd import ADMINS_A_POD
from scale.outcome import Copies, Step, Work
from scale.quiet import is_busy
from scale.report import ScaleHeader, complaints, print_table, write_results
from scale.stage import Parts, run_step
from tool import machine
from tool.errors import Unable
from tool.frame import RESULTS, Tool, begun
from tool.needs import need_kafka, need_programs

# Beside its sockets: logs, pipes, connections to Redis and Kafka.
OTHER_DESCRIPTORS: Final = 500
# Ten times the orders are more than the machine has room for where there are many pods.
BURSTS: Final = 2
# Of a phase; fewer are no rate.
EVENTS_MIN: Final = 2


def main(
    pods: Annotated[str, typer.Option(help="Numbers of pods, by commas, growing.")] = "1,2,4,8",
    users: Annotated[int, typer.Option(min=1, help="Sockets of each pod, each of a user with own orders.")] = 200,
    events_per_second: Annotated[float, typer.Option(min=0.1, help="Order events for the users of each pod.")] = 40.0,
    stock_per_second: Annotated[float, typer.Option(min=0.1, help="Stock events in all, heard by everybody.")] = 4.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long orders flow; other phases last half of it.")] = 7.0,
    repetitions: Annotated[int, typer.Option(min=1, help="All numbers of pods, one after the other, so often.")] = 3,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Give each pod the same work, and see what more pods cost, and what a pod that comes or goes delays.

    Exits 1 when one event is lost, repeated or out of order, when a pod without sockets hears of any, or when one ends.
    """
    with begun("scale") as tool:
        numbers, work = _numbers(pods), Work(users, events_per_second, stock_per_second, seconds)
        _check(max(numbers) * (users + ADMINS_A_POD), work)
        cores, busy = len(os.sched_getaffinity(0)), machine.describe()
        if is_busy(busy, cores):
            load = busy["load at the start"]
            tool.console.print(f"The load is {load} on {cores} cores: the results will say so.", style="yellow")
        steps, copies, kafka = uvloop.run(_run(tool, numbers, repetitions, work))
        header = tool.header(ScaleHeader, beside=[redis_name(), kafka], cores=cores)
        print_table(tool.console, header, steps)
        tool.tell_where(write_results(results, header, steps, copies))
        said = complaints(steps)
        for complaint in said:
            tool.console.print(f"FAILED: {complaint}", style="red", markup=False)
        raise SystemExit(1 if said else 0)


async def _run(
    tool: Tool, numbers: Sequence[int], repetitions: int, work: Work
) -> tuple[list[Step], list[Copies], str]:
    kafka = kafka_here(tool.directory / "kafka")
    with tool.console.status("Starting Kafka and Redis") as status:
        async with Parts(tool.directory, kafka) as parts:
            status.update("what a copy costs Redis")
            copies, steps = await measure_copies(parts.redis), list[Step]()
            for repetition in range(repetitions):
                # There and back, so that what grows while it all runs falls on all numbers alike.
                for pods in numbers if repetition % 2 == 0 else reversed(numbers):
                    title = (
                        f"{repetition + 1}/{repetitions}: {pods} pods"
                        if pods > 1
                        else f"{repetition + 1}/{repetitions}: 1 pod"
                    )
                    began = time.monotonic()

                    def say(phase: str, title: str = title) -> None:
                        status.update(f"{title}: {phase}")

                    bursts = pods in numbers[:BURSTS]
                    steps.append(await run_step(parts, pods, repetition, work, say, bursts=bursts))
                    tool.console.print(f"{title}: {time.monotonic() - began:.0f} s", highlight=False)
            return steps, copies, kafka.name


def _numbers(pods: str) -> list[int]:
    try:
        numbers = [int(word) for word in pods.split(",")]
    except ValueError:
        raise Unable(f"--pods: numbers by commas, such as 1,2,4,8; not {pods!r}") from None
    if numbers != sorted(set(numbers)) or numbers[0] < 1:
        raise Unable(f"--pods: growing numbers of at least one pod; not {pods!r}")
    return numbers


def _check(sockets: int, work: Work) -> None:
    if min(work.events_per_second, work.stock_events_per_second) * work.seconds / 2 < EVENTS_MIN:
        raise Unable(f"--seconds {work.seconds:g}: half of it has to be enough for {EVENTS_MIN} events of each kind")
    need_programs("redis-server")
    need_kafka()
    machine.need_descriptors(sockets + OTHER_DESCRIPTORS, f"{sockets:,} sockets")


if __name__ == "__main__":
    typer.run(main)
