"""The command line: `make ceiling`, or with ARGS="--sockets 100000 --minutes 10"."""

import asyncio
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.programs import Unavailable, c_program
from ceiling.memory import BYTES_PER_GB, BYTES_PER_KB, meminfo_bytes
from ceiling.ramp import Climb, Plan, Ramp
from ceiling.report import CeilingHeader, print_climb, write_results
from ceiling.stage import INTAKE_PODS, Stage
from parts.apache_kafka import ApacheKafka
from parts.needs import PROGRAMS, find
from parts.redis_server import redis_name
from tool import kept, machine

REPOSITORY: Final = Path(__file__).parents[2]
RESULTS: Final = REPOSITORY / "loadtest" / "results"
LINE_CHARACTERS: Final = 180
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
    repeated, or a socket is lost.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=LINE_CHARACTERS)
    if 0 < sockets < SOCKETS_MIN:
        raise SystemExit(f"--sockets {sockets} is too few to look at tenths of: at least {SOCKETS_MIN}.")
    _check_programs()
    reserve = int(reserve_gb * BYTES_PER_GB)
    per_pod = _sockets_of_a_pod(machine.raise_descriptor_limit(), per_pod)
    sockets = sockets or _promised(meminfo_bytes("MemAvailable") - reserve)
    started, began, about_machine = datetime.now(UTC), time.monotonic(), machine.describe()
    directory = Path(tempfile.mkdtemp(prefix="realtime-ceiling-"))
    try:
        plan = Plan(sockets, reserve, minutes * 60)
        climb = uvloop.run(_run(console, plan, directory, per_pod, min(room, sockets // ROOM_PART)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    header = CeilingHeader(
        date=started,
        commit=machine.commit(REPOSITORY),
        command=kept.command("ceiling"),
        seconds=time.monotonic() - began,
        machine=about_machine,
        versions=machine.versions() | {"beside": f"{ApacheKafka.title}, {redis_name()}"},
        pods=-(-sockets // per_pod),
        per_pod=per_pod,
        intake_pods=INTAKE_PODS,
    )
    print_climb(console, climb, header)
    kept.print_where(console, write_results(results, header, climb))
    if not climb.is_whole:
        raise SystemExit(1)


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
                ramp.climb.ended_by = "an interruption"
                return ramp.climb


def _check_programs() -> None:
    if sys.platform != "linux":
        raise SystemExit("make ceiling reads /proc: it needs Linux.")
    for program in ("java", "mvn", "redis-server"):
        if find(program) is None:
            raise SystemExit(f"{program} is missing: {PROGRAMS[program].install}")
    try:
        c_program("client")
    except Unavailable as error:
        raise SystemExit(f"The load client cannot be compiled: {error}") from None


def _sockets_of_a_pod(descriptors: int, asked: int) -> int:
    """Say how many a pod and its client take. Raises `SystemExit` when they may not open so many."""
    most = min(descriptors - OTHER_DESCRIPTORS, SOCKETS_OF_A_CLIENT)
    if most < 1 or asked > most:
        raise SystemExit(
            f"A process here may open {descriptors:,} descriptors (ulimit -Hn), and needs {OTHER_DESCRIPTORS:,} for "
            f"other things: {max(0, most):,} sockets are the most that a pod and its client can take, not {asked:,}."
        )
    return asked or most


def _promised(available_bytes: int) -> int:
    """As many as there is memory for, in round numbers."""
    fitting = available_bytes // (SOCKET_KB * BYTES_PER_KB) // SOCKETS_ROUND * SOCKETS_ROUND
    return max(SOCKETS_ROUND, min(SOCKETS_MAX, fitting))


if __name__ == "__main__":
    typer.run(main)
