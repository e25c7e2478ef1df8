"""The command line: `make sticky`, or with ARGS="--only haproxy,nginx"."""

import asyncio
import logging
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from parts.apache_kafka import ApacheKafka
from parts.js_client import js_client_name
from parts.needs import PROGRAMS, find
from parts.redis_server import RedisServer, redis_name
from sticky.report import StickyHeader, print_table, rows_of, write_results
from sticky.stage import KINDS, NEEDED, Lived, Plan, live
from tool import machine
from tool.errors import Unable
from tool.frame import RESULTS, begun, chosen
from tool.needs import need_programs

# A JVM, on a machine that has much else to do.
START_SECONDS: Final = 240.0
HOW_TO_ASK: Final = {"haproxy": "-v", "nginx": "-v", "traefik": "version", "envoy": "--version"}


def main(
    only: Annotated[str, typer.Option(help=f"Some proxies, by commas: {', '.join(KINDS)}.")] = "",
    js_clients: Annotated[int, typer.Option(min=1, help="JavaScript clients of each cell.")] = 6,
    python_clients: Annotated[int, typer.Option(min=0, help="Python clients of each cell.")] = 2,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Every proxy, with stickiness and without, and every transport, through a rolling restart of three pods.

    Exits 1 where something does not hold that docs/ingress.md promises.
    """
    with begun("sticky") as tool:
        proxies = chosen(only, tuple(KINDS))
        need_programs("java", "mvn", "redis-server")
        absent = {name: PROGRAMS[NEEDED[name]].install for name in proxies if find(NEEDED[name]) is None}
        for name, remedy in absent.items():
            tool.console.print(f"{name} is left out, for want of {NEEDED[name]}: {remedy}", markup=False)
        there = [name for name in proxies if name not in absent]
        if not there:
            raise Unable("none of these proxies is here")
        machine.raise_descriptor_limit()
        for library in ("aiokafka", "asyncio", "engineio.client", "socketio.client"):
            logging.getLogger(library).setLevel(logging.CRITICAL)  # that connections break is what is meant to be
        plan = Plan(there, js_clients, python_clients)
        rows = rows_of(asyncio.run(_run(tool.console, plan, tool.directory)))
        beside = [ApacheKafka.title, redis_name(), js_client_name(), *(_version(NEEDED[name]) for name in there)]
        header = tool.header(StickyHeader, beside=beside, absent=absent)
        print_table(tool.console, rows)
        tool.tell_where(write_results(results, header, rows))
        if not all(row.holds for row in rows if row.must_hold):
            raise SystemExit(1)


async def _run(console: Console, plan: Plan, directory: Path) -> Lived:
    kafka, redis = ApacheKafka(directory / "kafka"), RedisServer(directory / "redis")
    kafka.start_timeout_seconds = START_SECONDS
    with console.status("Starting Kafka and Redis") as status:

        def say(what: str) -> None:
            status.update(what)
            if not console.is_terminal:
                console.print(what, highlight=False, markup=False)

        try:
            await asyncio.gather(kafka.start(), redis.start())
            return await live(plan, kafka, redis, directory, say)
        finally:
            await asyncio.gather(kafka.kill(), redis.kill())


def _version(program: str) -> str:
    command: Sequence[str] = [find(program) or program, HOW_TO_ASK[program]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    first = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if program == "envoy":
        return "Envoy " + next(part for part in first[0].split("/") if re.fullmatch(r"[0-9.]+", part))
    if program == "traefik":
        return f"Traefik {first[0].split()[-1]}"
    return " ".join(first[0].removeprefix("nginx version: ").split()[:3])


if __name__ == "__main__":
    typer.run(main)
