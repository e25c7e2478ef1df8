"""The command line: `make load`, or with ARGS="--shape flash-sale --users 3000"."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from load import progress, report, stage
from load.plan import APACHE, KAFKAS, THRESHOLDS, Plan, kafka_here
from load.report import Report
from load.stage import Lived
from parts import swarm
from parts.apache_kafka import ApacheKafka
from parts.haproxy import haproxy_name
from parts.redis_server import redis_name
from realtime.demo.embedded import kafka_name
from swarm.crowd import TRANSPORTS
from swarm.shapes import SHAPES
from swarm.timeline import BAD_SETTINGS
from swarm.tokens import BadSettings
from tool.errors import Unable
from tool.frame import RESULTS, Tool, begun
from tool.kept import Header


def main(
    users: Annotated[int, typer.Option(min=1, help="People, each with a socket.")] = 1_000,
    seconds: Annotated[int, typer.Option(min=5, help="How long the run lasts, after all is set up.")] = 60,
    shape: Annotated[str, typer.Option(help=f"Who is there when: {', '.join(SHAPES)}.")] = "plateau",
    transport: Annotated[str, typer.Option(help=f"How they come: {', '.join(TRANSPORTS)}.")] = "websocket",
    pods: Annotated[int, typer.Option(min=1, help="Pods behind one haproxy.")] = 3,
    events_per_second: Annotated[float, typer.Option(min=0, help="Events into Kafka, of all workers together.")] = 40.0,
    processes: Annotated[int, typer.Option(min=1, help="Workers of Locust, each a process on a core.")] = 1,
    kafka: Annotated[
        str, typer.Option(help=f"{' or '.join(KAFKAS)}; without: apache where Java and Maven are, else embedded.")
    ] = "",
    thresholds: Annotated[
        Path | None,
        typer.Option(help="What must be kept to; without: loadtest/swarm/thresholds.toml, or the broker's."),
    ] = None,
    report_directory: Annotated[
        Path | None, typer.Option("--report", help="Where the report goes; else into loadtest/results.")
    ] = None,
) -> None:
    """Thousands of people on sockets, against a cluster on this machine; a report of it.

    Exits 1 when a threshold is not kept to, 2 when it cannot begin, 3 when a worker dies or the run is cut off.
    """
    kafka = kafka or kafka_here()
    limits = thresholds or THRESHOLDS.get(kafka, THRESHOLDS[APACHE])
    plan = Plan(users, seconds, shape, transport, pods, events_per_second, processes, limits, kafka)
    with begun("load", BadSettings) as tool:
        plan.check()
        if report_directory is not None:
            report.make(report_directory)
        with tool.console.status("Installing Locust, the first time ..."):
            swarm.installation()
        lived = asyncio.run(_run(tool, plan))
        if lived.exit_code == BAD_SETTINGS or not lived.timeline.seconds:
            raise Unable(lived.last_words)
        header = tool.header(Header, beside=[haproxy_name(), redis_name(), _kafka_name(kafka)])
        done = Report(f"Load: {shape}, {users:,} people", _facts(plan, header), lived, header)
        if lived.timeline.summary is None:
            tool.console.print(lived.last_words, style="dim", markup=False, highlight=False)
        report.print_report(tool.console, done)
        where = report_directory or header.own_directory(RESULTS, f"load-{shape}")
        report.write(where, done)
        tool.tell_where(where / "report.html")
        raise SystemExit(done.exit_code)


async def _run(tool: Tool, plan: Plan) -> Lived:
    async with AsyncExitStack() as stack:
        with tool.console.status(f"Starting Kafka, Redis, haproxy and {plan.pods} pods ..."):
            cluster = await stack.enter_async_context(stage.cluster(plan, tool.directory))
        told = stack.enter_context(progress.told(tool.console, plan.seconds))
        return await stage.live(plan, cluster, tool.directory, told)


def _facts(plan: Plan, header: Header) -> dict[str, str]:
    return {
        "Date": f"{header.date:%Y-%m-%d %H:%M} UTC, commit {header.commit}",
        "Command": header.command,
        "People": f"{plan.users:,} by {plan.transport}, {plan.users_per_second:g} more a second; docs/load.md says who",
        "Shape": f"{plan.shape}, {plan.seconds} s",
        "Events": f"{plan.events_per_second:g} a second into Kafka, nine of ten of them orders",
        "Cluster": f"{plan.pods} pods behind haproxy, on the machine that the load is made on",
        "Kafka": _kafka_name(plan.kafka),
        "Load": f"Locust, {plan.processes} worker{'s' if plan.processes > 1 else ''}",
    }


def _kafka_name(kafka: str) -> str:
    return ApacheKafka.title if kafka == APACHE else kafka_name()


if __name__ == "__main__":
    typer.run(main)
