"""The table, and the files of the results."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from scale import figures
from scale.figures import ADMINS, BURST, IDLE, ORDERS, STOCK, of_kafka, of_pods, of_redis
from scale.outcome import BURST_TIMES, Copies, Rebalance, Step, by_pods
from scale.plots import draw_all
from scale.quiet import disturbances
from scale.spread import NOISE, cell, growth, summary
from tool.kept import Header
from tool.quantities import MB

HEADING: Final = "Cost by pods"


@dataclass(frozen=True, slots=True)
class ScaleHeader(Header):
    """And how many cores there were for all of it."""

    cores: int


@dataclass(frozen=True, slots=True)
class Row:
    """A figure at each number of pods, and how much it grew from the first to the last; "" where that says nothing."""

    label: str
    cells: Sequence[str]
    grew: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What the rows behind it are about."""

    title: str


def table(steps: Sequence[Step], cores: int) -> list[Row | Section]:
    """All figures: the median of the repetitions, and where there are several, their spread in brackets."""
    grouped = list(by_pods(steps).values())

    def row(label: str, of: Callable[[Step], float | None], form: str = "{:,.0f}", *, grows: bool = False) -> Row:
        found = [summary([of(step) for step in repetitions]) for repetitions in grouped]
        return Row(label, [cell(one, form) for one in found], growth(found[0], found[-1]) if grows else "")

    def late(label: str, phase: str) -> list[Row]:
        return [
            row(f"{label}: p50, ms", lambda s: s.phases[phase].p50_ms, "{:.1f}"),
            row(f"{label}: p99, ms", lambda s: s.phases[phase].p99_ms, "{:.1f}"),
        ]

    def burst(of: Callable[[Step], float]) -> Row:
        return row(
            f"{BURST_TIMES} times the orders: us an event", lambda s: of(s) if BURST in s.phases else None, grows=False
        )

    def rebalance(of: Callable[[Step], Rebalance | None]) -> list[Row]:
        def value(name: str) -> Callable[[Step], float]:
            return lambda step: float(getattr(of(step), name))

        return [
            row("nothing is late any more after, s", value("over_seconds"), "{:.1f}"),
            row("of these something was late for, s", value("pause_seconds"), "{:.1f}"),
            row("one event waited at most, s", value("longest_wait_seconds"), "{:.2f}"),
        ]

    return [
        row("sockets", lambda s: s.pods * s.work.users),
        row("order events a second", lambda s: s.phases[ORDERS].events / s.phases[ORDERS].reading.seconds),
        row("the machine is busy, %", lambda s: 100 * figures.busy_share(s.phases[ORDERS], cores)),
        row(
            "of these not with this run's processes, %", lambda s: 100 * figures.others_share([s.phases[ORDERS]], cores)
        ),
        Section("pods"),
        row("memory of each at the end, MB", lambda s: s.resident_bytes / MB),
        row("an idle pod, % of a core", lambda s: 100 * figures.pod_cores(s, IDLE), "{:.2f}", grows=True),
        row("orders: a pod, % of a core", lambda s: 100 * figures.pod_cores(s, ORDERS), "{:.1f}", grows=True),
        row("orders: us an event", lambda s: figures.us_an_event(s, ORDERS, of_pods), grows=True),
        row("orders: us a delivery", lambda s: figures.us_a_delivery(s, ORDERS), grows=True),
        burst(lambda s: figures.us_an_event(s, BURST, of_pods)),
        *late("orders", ORDERS),
        row("admins: a pod, % of a core", lambda s: 100 * figures.pod_cores(s, ADMINS), "{:.1f}", grows=True),
        row("admins: us a delivery", lambda s: figures.us_a_delivery(s, ADMINS), "{:,.1f}", grows=True),
        *late("admins", ADMINS),
        row("stock: us a delivery", lambda s: figures.us_a_delivery(s, STOCK), "{:,.1f}", grows=True),
        *late("stock", STOCK),
        Section("Redis"),
        row("idle: % of a core", lambda s: 100 * figures.redis_cores(s, IDLE), "{:.2f}"),
        row("orders: % of a core", lambda s: 100 * figures.redis_cores(s, ORDERS), "{:.1f}"),
        row("orders: us an event", lambda s: figures.us_an_event(s, ORDERS, of_redis), grows=True),
        burst(lambda s: figures.us_an_event(s, BURST, of_redis)),
        row("idle: commands a second", lambda s: figures.redis_a_second(s, IDLE, "commands")),
        row("orders: commands a second", lambda s: figures.redis_a_second(s, ORDERS, "commands")),
        row("orders: bytes in, an event", lambda s: figures.redis_an_event(s, ORDERS, "bytes_in"), grows=True),
        row("orders: bytes out, an event", lambda s: figures.redis_an_event(s, ORDERS, "bytes_out"), grows=True),
        row("admins: us an event", lambda s: figures.us_an_event(s, ADMINS, of_redis), grows=True),
        row("admins: bytes out, an event", lambda s: figures.redis_an_event(s, ADMINS, "bytes_out"), grows=True),
        row("stock: us an event", lambda s: figures.us_an_event(s, STOCK, of_redis), grows=True),
        row("stock: bytes out, an event", lambda s: figures.redis_an_event(s, STOCK, "bytes_out"), grows=True),
        Section("Kafka's broker"),
        row("orders: us an event", lambda s: figures.us_an_event(s, ORDERS, of_kafka), grows=True),
        Section("a pod comes"),
        *rebalance(lambda s: s.came),
        Section("it goes"),
        *rebalance(lambda s: s.went),
        Section("the pod without sockets"),
        row("records that it took in", lambda s: s.memberless.counts.records if s.memberless else 0),
        row("rooms that it heard", lambda s: s.memberless.room_subscriptions if s.memberless else 0),
        row("messages that it heard", lambda s: s.memberless.counts.room_messages if s.memberless else 0),
        Section("numbered events, in all repetitions"),
        *(
            Row(label, [f"{sum(of(step) for step in repetitions):,}" for repetitions in grouped])
            for label, of in JUDGED
        ),
    ]


JUDGED: Final[tuple[tuple[str, Callable[[Step], int]], ...]] = (
    ("lost", lambda s: s.judgement.lost),
    ("twice", lambda s: s.judgement.twice),
    ("out of order, or to somebody else", lambda s: s.judgement.misordered + s.judgement.misrouted),
    ("sockets that had to come back", lambda s: s.judgement.reconnects),
)


def complaints(steps: Sequence[Step]) -> list[str]:
    """What must not be: each as a line."""
    said = []
    for step in steps:
        judged = step.judgement
        if not judged.is_clean:
            said.append(
                f"{step.pods} pods: {', '.join(f'{count} {what}' for what, count in asdict(judged).items() if count)}"
            )
        alone = step.memberless
        if alone and (alone.room_subscriptions or alone.counts.room_messages):
            said.append(f"{step.pods} pods: the pod without sockets heard {alone.room_subscriptions} rooms")
    return said


def print_table(console: Console, header: ScaleHeader, steps: Sequence[Step]) -> None:
    """Print all figures, and what else the machine did."""
    printed = Table(title=HEADING)
    printed.add_column("pods")
    for pods in by_pods(steps):
        printed.add_column(str(pods), justify="right")
    printed.add_column("grew", justify="right")
    for one in table(steps, header.cores):
        if isinstance(one, Section):
            printed.add_row(f"[bold]{one.title}[/bold]")
        else:
            printed.add_row(one.label, *(text.replace("[", r"\[") for text in one.cells), one.grew)
    console.print(printed)
    for disturbance in disturbances(header.machine, header.cores, steps):
        console.print(f"DISTURBED: {disturbance}", style="yellow", markup=False)


def write_results(results: Path, header: ScaleHeader, steps: Sequence[Step], copies: Sequence[Copies]) -> Path:
    """Write results.json, results.md and the plots into a directory of this run's own; return it."""
    where = header.own_directory(results, "scale")
    told = header.as_json() | {
        "disturbances": disturbances(header.machine, header.cores, steps),
        "steps": [asdict(step) for step in steps],
        "copies": [asdict(one) for one in copies],
    }
    (where / "results.json").write_text(json.dumps(told, indent=2) + "\n")
    (where / "results.md").write_text(as_markdown(header, steps, copies, draw_all(where, steps)))
    return where


def as_markdown(header: ScaleHeader, steps: Sequence[Step], copies: Sequence[Copies], plots: Sequence[str]) -> str:
    """Write the page of a run."""
    work, repetitions = steps[0].work, max(step.repetition for step in steps) + 1
    disturbed = disturbances(header.machine, header.cores, steps)
    lines = [
        f"# More pods, {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes.",
        "",
        *([f"**Disturbed:** {'; '.join(disturbed)}.", ""] if disturbed else []),
        f"Each pod has {work.users:,} sockets, each of a user with orders of their own, and",
        f"{work.events_per_second:g} order events a second: twice the pods have twice the work. Pods, Redis, Kafka,",
        f"producer and clients share {header.cores} cores. us are CPU above idling; a pod's is the mean of all pods.",
        f"Repetitions: {repetitions}, of all numbers of pods in turn. Medians, and in brackets the spread; *grew*: the",
        f"last column to the first, *{NOISE}* where their spreads overlap.",
        "",
        "- *orders*: each event makes two messages to its user's socket, and one to admins, of whom none is there.",
        f"- *{BURST_TIMES} times the orders*: what comes together shares a turn of the event loop, and a call.",
        f"- *admins*: besides, {steps[0].admins // steps[0].pods} sockets a pod hear of every order there is, so their",
        "  work grows with all pods.",
        f"- *stock*: {work.stock_events_per_second:g} events a second in all, which every socket hears.",
        "",
        *header.lines(),
        "",
        f"| pods | {' | '.join(map(str, by_pods(steps)))} | grew |",
        "|---|" + "---:|" * (len(by_pods(steps)) + 1),
    ]
    for one in table(steps, header.cores):
        if isinstance(one, Section):
            lines.append(f"| **{one.title}** |" + "  |" * (len(by_pods(steps)) + 1))
        else:
            lines.append(f"| {one.label} | {' | '.join([*one.cells, one.grew])} |")
    by_subscribers = ", ".join(f"{one.us_a_message:.0f} us to {one.subscribers}" for one in copies)
    lines += ["", f"Redis alone, a message of 400 bytes published one by one, by its subscribers: {by_subscribers}."]
    for plot in plots:
        lines += ["", f"![{plot.removesuffix('.png')}]({plot})"]
    return "\n".join(lines) + "\n"
