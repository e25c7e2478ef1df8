"""The command line: `make ceiling`, or with ARGS="--sockets 100000 --minutes 10"."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.programs import c_program
from ceiling.memory import BYTES_PER_GB, BYTES_PER_KB, meminfo_bytes
from ceiling.ramp import INTERRUPTED, Climb, Plan, Ramp
from ceiling.report import CeilingHeader, print_climb, write_results
from ceiling.stage import INTAKE_PODS, Stage
from parts.apache_kafka import ApacheKafka
from parts.redis_server import redis_name
from tool.errors import Unable
from tool.frame import BROKEN, RESULTS, begun
from tool.machine import need_descriptors
from tool.needs import need_programs

SOCKETS_MAX: Final = 1_000_000
SOCKETS_ROUND: Final = 10_000
# What a socket takes of this machine, both ends, a client and a share of an empty pod included: see docs/limits.md.
SOCKET_KB: Final = 24
# Of all sockets, at most one of so many is in the room that is written to: it is full at the first tenth.
ROOM_PART: Final = 20
SOCKETS_MIN: Final = 100
# Of a process: what it opens beside its sockets.
OTHER_DESCRIPTORS: Final = 1_000
# What a load client has room for.
SOCKETS_OF_A_CLIENT: Final = 60_000


def main(
    sockets: Annotated[int, typer.Option(min=0, help="How many at most; 0: as memory promises, to a million.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.1, help="After so long no more are opened.")] = 60.0,
    per_pod: Annotated[int, typer.Option(min=0, help="On each pod at most; 0: as descriptors allow.")] = 0,
    reserve_gb: Annotated[float, typer.Option(min=0.2, help="Memory that is left alone.")] = 1.5,
    room: Annotated[int, typer.Option(min=1, help="Members of the room that is written to.")] = 1_000,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Open ever more sockets on as many pods as it takes, until memory, the processor, time or --sockets ends.

    At each tenth: memory of a socket, handshakes a second, and how late messages are. Exits 1 when a message is lost or
    repeated, a socket is lost, or a part ends; also then, and after Ctrl-C, what is known by then is kept.
    """
    with begun("ceiling") as tool:
        if sys.platform != "linux":
            raise Unable("it reads /proc: it needs Linux")
        if 0 < sockets < SOCKETS_MIN:
            raise Unable(f"--sockets {sockets} is too few to look at tenths of: at least {SOCKETS_MIN}")
        need_programs("java", "mvn", "redis-server")
        c_program("client")
        per_pod = _sockets_of_a_pod(per_pod)
        reserve = int(reserve_gb * BYTES_PER_GB)
        sockets = sockets or _promised(meminfo_bytes("MemAvailable") - reserve)
        plan = Plan(sockets, reserve, minutes * 60)
        climb = uvloop.run(_run(tool.console, plan, tool.directory, per_pod, min(room, sockets // ROOM_PART)))
        header = tool.header(
            CeilingHeader,
            beside=[ApacheKafka.title, redis_name()],
            pods=-(-sockets // per_pod),
            per_pod=per_pod,
            intake_pods=INTAKE_PODS,
        )
        print_climb(tool.console, climb, header)
        tool.tell_where(write_results(results, header, climb))
        if climb.ended_by == INTERRUPTED:
            raise KeyboardInterrupt
        if not climb.is_whole:
            raise SystemExit(BROKEN)


async def _run(console: Console, plan: Plan, directory: Path, per_pod: int, room: int) -> Climb:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} sockets, {task.fields[left]:.1f} GB left"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("Starting", total=plan.sockets, left=meminfo_bytes("MemAvailable") / BYTES_PER_GB)

        def say(what: str) -> None:
            bar.update(task, description=what)
            if not console.is_terminal:
                console.print(f"{datetime.now(UTC):%H:%M:%S} {what}", highlight=False, markup=False)

        def tell(opened: int, left_bytes: int) -> None:
            bar.update(task, description="Opening", completed=opened, left=left_bytes / BYTES_PER_GB)

        async with Stage(directory, plan.sockets, per_pod, room, say) as stage:
            ramp = Ramp(stage, plan, tell, say)
            try:
                return await ramp.run()
            except asyncio.CancelledError:
                # By Ctrl-C, after minutes perhaps: what has been found until then is told all the same.
                ramp.climb.ended_by = INTERRUPTED
                return ramp.climb


def _sockets_of_a_pod(asked: int) -> int:
    """Say how many a pod and its client take. Raises `Unable` when they may not open so many."""
    if asked > SOCKETS_OF_A_CLIENT:
        raise Unable(f"--per-pod {asked} is more than a load client has room for: {SOCKETS_OF_A_CLIENT}")
    what = f"the sockets of --per-pod {asked}" if asked else "a pod's sockets"
    allowed = need_descriptors((asked or SOCKETS_MIN) + OTHER_DESCRIPTORS, what)
    return asked or min(allowed - OTHER_DESCRIPTORS, SOCKETS_OF_A_CLIENT)


def _promised(available_bytes: int) -> int:
    """As many as there is memory for, in round numbers."""
    fitting = available_bytes // (SOCKET_KB * BYTES_PER_KB) // SOCKETS_ROUND * SOCKETS_ROUND
    return max(SOCKETS_ROUND, min(SOCKETS_MAX, fitting))


if __name__ == "__main__":
    typer.run(main)
