"""Fan-out: one room with N sockets, k messages emitted into it in each turn of the event loop."""

from bench.emission import Emission
from bench.measurements import Metric
from bench.processes import FLOOR, NODE, OURS, STOCK
from bench.run import Run


def rate_metric(sockets: int, per_tick: int) -> Metric:
    """Messages that arrived at sockets, in a second."""
    return Metric(f"fanout/{sockets}/{per_tick}/rate", f"fan-out, N={sockets:,}, k={per_tick}", "deliveries/s")


def cpu_metric(sockets: int, per_tick: int) -> Metric:
    """Messages that arrived at sockets, for a second of the server's processor time."""
    title = f"fan-out, N={sockets:,}, k={per_tick}, for CPU"
    return Metric(f"fanout/{sockets}/{per_tick}/per_cpu", title, "deliveries/CPU s")


async def run(run: Run) -> None:
    """Measure every N and k; each message must arrive at each socket, in order."""
    for repetition in run.repetitions("fanout"):
        for sockets in run.plan.fanout_sockets:
            for kind in run.among("fanout", repetition, OURS, NODE, STOCK, FLOOR):
                run.say(f"fan-out to {sockets:,}: {kind}")
                with run.survives(f"fan-out to {sockets:,}, {kind}"):
                    await _measure(run, kind, sockets)


async def _measure(run: Run, kind: str, sockets: int) -> None:
    async with run.loaded(kind, sockets) as (server, client):
        for per_tick in run.plan.fanout_per_tick:
            emission = Emission(client, sockets, per_tick, run.via)
            messages = await emission.last(run.plan.fanout_seconds)
            before = server.cpu_seconds()
            report = await emission.emit(messages)
            spent = server.cpu_seconds() - before
            run.record(rate_metric(sockets, per_tick), kind, report.frames / report.seconds)
            run.record(cpu_metric(sockets, per_tick), kind, report.frames / spent)
