"""`make swarm-capacity`: how many sockets one worker of Locust holds, until what ends, and what each costs it."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Final

import typer
from rich.table import Table

from load import progress, stage
from load.plan import APACHE, EMBEDDED, NEEDED, THRESHOLDS, Plan, one_of
from load.stage import Lived
from parts import swarm
from parts.redis_server import redis_name
from realtime.demo.embedded import kafka_name
from swarm.timeline import Second
from swarm.tokens import BadSettings
from tool import machine
from tool.errors import Failed
from tool.frame import BROKEN, RESULTS, Tool, begun
from tool.kept import Header
from tool.needs import need_programs
from tool.quantities import KB

TRANSPORTS: Final = ("websocket", "polling")
# Files of a process beside its sockets; Locust's preflight keeps as many.
OTHER_DESCRIPTORS: Final = 256
DESCRIPTORS_EACH: Final = {"websocket": 1, "polling": 2}
# Who follows their own orders alone: a delivery for each message, and no desk that sees all.
PEOPLE: Final = "Shopper,Producer"
# The pod must not be what ends first.
POD: Final = {"REALTIME_LIMITS__HANDSHAKES_PER_SECOND": "2000", "REALTIME_LIMITS__HANDSHAKES_BURST": "500"}
FULL_CORES: Final = 0.95
# Behind is who lacks more than those who were to come in so many seconds, and a few who are on their way back.
LAG_SECONDS: Final = 3
KEPT_UP_PART: Final = 0.99
# How long it is looked at what was busy then.
FULL_SECONDS: Final = 10.0
FEWER_PART: Final = 0.8
ASKED: Final = "no more were asked for"
LOCUST: Final = "Locust"
OVER_SECONDS: Final = 3
# The phases of the shape `hold`, without the second in which one becomes the next.
EDGE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Capacity:
    """What one worker has held. KB are of its resident memory; those of the kernel's buffers are not in it."""

    transport: str
    asked: int
    held: int
    ended_by: str
    kb_each: float
    handshakes_per_second: float
    lost: int
    twice: int
    # Of a worker that was at rest, and then had events.
    cores_at_rest: float | None = None
    cores_with_events: float | None = None
    deliveries_per_second: float | None = None
    us_per_delivery: float | None = None
    p99_ms: float | None = None

    @property
    def kept_up(self) -> bool:
        """Whether it has been at rest with all that were asked for."""
        return self.cores_at_rest is not None

    @property
    def has_failed(self) -> bool:
        """Nothing may come twice, and nothing be missed.

        What a worker that fell behind had not heard by the end may be its own lateness: it is judged with fewer.
        """
        return bool(self.twice or (self.lost and self.kept_up))

    def cells(self) -> list[str]:
        """As it is printed."""
        return [
            self.transport,
            f"{self.held:,} of {self.asked:,}",
            self.ended_by,
            f"{self.kb_each:.0f}",
            f"{self.handshakes_per_second:,.0f}",
            "" if self.cores_at_rest is None else f"{self.cores_at_rest:.2f}",
            *(
                "" if number is None else f"{number:,.0f}"
                for number in (self.deliveries_per_second, self.us_per_delivery, self.p99_ms)
            ),
        ]


HEADINGS: Final = (
    *("transport", "held", "ended by", "KB each", "handshakes/s, most", "cores at rest", "deliveries/s", "us each"),
    "late, p99 ms",
)
EXPLANATION: Final = (
    "One worker of Locust, straight to one pod, all of them shoppers. Held: with which it still kept up. Ended by: "
    "what there was no more of; where that was not descriptors, another run has four fifths of them. Cores at rest: of "
    "the worker, while nobody is told anything, for pings and turns. us each: processor time of the worker for a "
    "delivery, by the difference to rest; half of an event's production is in it, for each makes two of them."
)


def main(
    transport: Annotated[str, typer.Option(help=f"How they come: {', '.join(TRANSPORTS)}; both without.")] = "",
    users: Annotated[int, typer.Option(min=0, help="At most so many; 0: what descriptors allow.")] = 0,
    seconds: Annotated[int, typer.Option(min=20, help="Of each run; people come for 60 % of it.")] = 130,
    events_per_second: Annotated[float, typer.Option(min=1, help="Events, once all are there.")] = 400.0,
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Fill one worker of Locust with sockets until it is full, and say of what; then tell them of events.

    Exits 1 where a message was lost or came twice, or a run broke: what was found until then is kept.
    """
    with begun("swarm-capacity", BadSettings) as tool:
        for one in (chosen := [transport] if transport else list(TRANSPORTS)):
            one_of("--transport", one, TRANSPORTS)
        need_programs(*NEEDED[EMBEDDED])
        descriptors = machine.raise_descriptor_limit()
        with tool.console.status("Installing Locust, the first time ..."):
            swarm.installation()
        found: list[Capacity] = []
        broke: list[str] = []
        for one in chosen:
            most = (descriptors - OTHER_DESCRIPTORS) // DESCRIPTORS_EACH[one]
            plan = Plan(
                users=min(users or most, most),
                seconds=seconds,
                shape="hold",
                transport=one,
                pods=1,
                events_per_second=events_per_second,
                processes=1,
                thresholds=THRESHOLDS[APACHE],
                kafka=EMBEDDED,  # which leaves most of the machine to those that are measured
            )
            try:
                found.append(_measure(tool, plan, is_all=plan.users == most))
                fewer = int(found[-1].held * FEWER_PART)
                if not found[-1].kept_up and fewer and not users:
                    found.append(_measure(tool, replace(plan, users=fewer), is_all=False))
            except (Failed, AssertionError, OSError) as error:  # what was found before is kept
                broke.append("\n".join([f"{one}: {error}", *getattr(error, "__notes__", ())]))
            except KeyboardInterrupt:
                broke.append(f"{one}: interrupted")
                break
        if not found:
            raise Failed("; ".join(broke))
        table = Table(caption=EXPLANATION)
        for number, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="left" if number in {0, 2} else "right")
        for capacity in found:
            table.add_row(*capacity.cells())
        tool.console.print(table)
        header = tool.header(Header, beside=[redis_name(), kafka_name()])
        header = replace(header, machine={**header.machine, "descriptors": f"{descriptors:,}"})
        broke += [f"{one.transport}: {one.lost} gaps, {one.twice} came twice" for one in found if one.has_failed]
        tool.tell_where(_write(results, header, found, broke))
        for why in broke:
            tool.console.print(why, style="red", markup=False, highlight=False)
        if broke:
            raise SystemExit(BROKEN)


def _measure(tool: Tool, plan: Plan, *, is_all: bool) -> Capacity:
    directory = Path(tempfile.mkdtemp(dir=tool.directory))
    lived = asyncio.run(_run(tool, plan, directory))
    if lived.timeline.summary is None or not lived.timeline.seconds:
        raise Failed(lived.last_words)
    return judge(plan, lived, is_all=is_all)


async def _run(tool: Tool, plan: Plan, directory: Path) -> Lived:
    async with AsyncExitStack() as stack:
        with tool.console.status("Starting Kafka, Redis and a pod ..."):
            cluster = await stack.enter_async_context(stage.cluster(plan, directory, POD))
        told = stack.enter_context(progress.told(tool.console, plan.seconds))
        # Straight to the pod: a proxy has two descriptors for each, and would be full first.
        return await stage.live(plan, cluster, directory, told, url=cluster.pods[0].url, people=PEOPLE)


def judge(plan: Plan, lived: Lived, *, is_all: bool) -> Capacity:
    """Compare the worker at rest with the worker that has events. `is_all`: no more descriptors than asked for."""
    seconds = lived.timeline.seconds
    ramp, quiet, events = ([one for one in seconds if one.phase == phase] for phase in ("ramp", "quiet", "events"))
    if not quiet or not events:
        raise Failed("the run was over before all had come; give it more --seconds")
    full = _last_that_kept_up(seconds)
    entries = lived.timeline.summary.entries if lived.timeline.summary is not None else {}
    found = Capacity(
        transport=plan.transport,
        asked=plan.users,
        held=full.connected,
        ended_by=_full_of(lived, full) if full.phase == "ramp" else "descriptors" if is_all else ASKED,
        kb_each=_grown_bytes(lived, ramp[0], full) / KB / max(1, full.connected - ramp[0].connected),
        handshakes_per_second=max((rate for _, rate in progress.rates(ramp, "connected", OVER_SECONDS)), default=0.0),
        lost=entries["gap"].failures if "gap" in entries else 0,
        twice=entries["duplicate"].failures if "duplicate" in entries else 0,
    )
    if full.phase == "ramp":  # it has never been at rest
        return found
    cores_at_rest, cores_with_events = _cores(lived, LOCUST, quiet), _cores(lived, LOCUST, events)
    inner = _inner(events)
    deliveries = (inner[-1].deliveries - inner[0].deliveries) / (inner[-1].seconds - inner[0].seconds)
    late = events[-1].entries.get(progress.ENTRY)
    return replace(
        found,
        cores_at_rest=cores_at_rest,
        cores_with_events=cores_with_events,
        deliveries_per_second=deliveries,
        us_per_delivery=(cores_with_events - cores_at_rest) / deliveries * 1e6 if deliveries else None,
        p99_ms=None if late is None else late.p99_ms,
    )


def _last_that_kept_up(seconds: Sequence[Second]) -> Second:
    """The last before as many were missing as were to come in some seconds."""
    before = [0] * LAG_SECONDS + [one.wanted for one in seconds]
    for number, (wanted, now) in enumerate(zip(before, seconds, strict=False)):
        if now.connected < wanted * KEPT_UP_PART:
            return seconds[max(0, number - 1)]
    return seconds[-1]


def _full_of(lived: Lived, full: Second) -> str:
    """What there was no more of from that second on: in the worker, in the pod, or in the whole machine."""
    begin, end = full.seconds, full.seconds + FULL_SECONDS
    cores = {name: _mean(points, begin, end) for name, points in lived.tracks.cores.items()}
    pod = max((busy for name, busy in cores.items() if name in lived.tracks.connections), default=0.0)
    if cores[LOCUST] >= FULL_CORES:
        return "the worker's processor"
    if pod >= FULL_CORES:
        return "the pod's processor"
    return f"spawning ({cores[LOCUST]:.2f} cores, the pod's {pod:.2f}, of all {sum(cores.values()):.2f})"


def _cores(lived: Lived, name: str, phase: Sequence[Second]) -> float:
    return _mean(lived.tracks.cores[name], phase[0].seconds + EDGE_SECONDS, phase[-1].seconds)


def _mean(points: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    return mean([value for at, value in points if begin <= at <= end] or [0.0])


def _inner(phase: Sequence[Second]) -> Sequence[Second]:
    inner = [one for one in phase if one.seconds >= phase[0].seconds + EDGE_SECONDS]
    return inner if len(inner) > 1 else phase


def _grown_bytes(lived: Lived, first: Second, full: Second) -> float:
    """How much more memory the worker holds than when it had but its first people."""
    memory = lived.tracks.resident_bytes[LOCUST]

    def bytes_at(seconds: float) -> float:
        return min(memory, key=lambda sampled: abs(sampled[0] - seconds))[1]

    then, now = bytes_at(first.seconds), bytes_at(full.seconds)
    return now - then


def _write(results: Path, header: Header, found: Sequence[Capacity], broke: Sequence[str]) -> Path:
    where = header.own_directory(results, "swarm-capacity")
    whole = header.as_json() | {"capacity": [asdict(one) for one in found], "broke": list(broke)}
    (where / "results.json").write_text(json.dumps(whole, indent=2) + "\n")
    lines = [
        f"# What one worker of Locust holds, {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds:.0f} s.",
        "",
        *header.lines(),
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---" * len(HEADINGS) + "|",
        *(f"| {' | '.join(one.cells())} |" for one in found),
        "",
        EXPLANATION,
        *(f"\n**Broke**: {why}" for why in broke),
    ]
    (where / "results.md").write_text("\n".join(lines) + "\n")
    return where


if __name__ == "__main__":
    typer.run(main)
