"""The table, and the files of the results."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from scale import figures
from scale.copies import Copies
from scale.figures import ADMINS, BURST, IDLE, ORDERS, STOCK, Spread
from scale.outcome import BURST_TIMES, Rebalance, Step
from scale.plots import draw_all
from tool.kept import Header

Values = Sequence[str]
BYTES_PER_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ScaleHeader(Header):
    """And how many cores there were for all of it."""

    cores: int


def rows(steps: Sequence[Step], cores: int) -> list[tuple[str, Values]]:
    """Each figure with its value at each number of pods; with how much it grew from the first to the last."""

    def row(
        label: str, of: Callable[[Step], float], form: str = "{:,.0f}", *, flat: bool = False
    ) -> tuple[str, Values]:
        values = [of(step) for step in steps]
        growth = f"{values[-1] / values[0]:.2f} x" if flat and len(values) > 1 and values[0] > 0 else ""
        return label, [*(form.format(value) for value in values), growth]

    def spread(label: str, of: Callable[[Step], Spread], scale: float, form: str) -> tuple[str, Values]:
        found = [of(step) for step in steps]
        cells = [
            form.format(one.mean * scale)
            + (f" [{form.format(one.lowest * scale)}..{form.format(one.highest * scale)}]" if step.pods > 1 else "")
            for one, step in zip(found, steps, strict=True)
        ]
        growth = f"{found[-1].mean / found[0].mean:.2f} x" if len(found) > 1 else ""
        return label, [*cells, growth]

    def optional(label: str, of: Callable[[Step], float]) -> tuple[str, Values]:
        return label, [*(f"{of(step):,.0f}" if BURST in step.phases else "-" for step in steps), ""]

    return [
        row("sockets", lambda s: s.pods * s.work.users),
        row("order events a second", lambda s: s.phases[ORDERS].events / s.phases[ORDERS].reading.seconds),
        row("the machine is busy, %", lambda s: 100 * figures.busy_share(s.phases[ORDERS], cores)),
        row("of these not with this run's processes, %", lambda s: 100 * figures.others_share(s.phases[ORDERS], cores)),
        ("**pods**", [""] * (len(steps) + 1)),
        row("memory of each at the end, MB", lambda s: s.resident_bytes / BYTES_PER_MB),
        spread("an idle pod, % of a core", figures.idle_cores, 100, "{:.2f}"),
        spread("orders: a pod, % of a core", lambda s: figures.pod_cores(s, ORDERS), 100, "{:.1f}"),
        spread("orders: us an event", figures.pod_us_an_event, 1, "{:,.0f}"),
        row("orders: us a delivery", lambda s: figures.pod_us_a_delivery(s, ORDERS), flat=True),
        optional(f"{BURST_TIMES} times the orders: us an event", lambda s: figures.pods_us_an_event(s, BURST)),
        row("orders: p50, ms", lambda s: s.phases[ORDERS].p50_ms or 0, "{:.1f}"),
        row("orders: p99, ms", lambda s: s.phases[ORDERS].p99_ms or 0, "{:.1f}"),
        spread("admins: a pod, % of a core", lambda s: figures.pod_cores(s, ADMINS), 100, "{:.1f}"),
        row("admins: us a delivery", lambda s: figures.pod_us_a_delivery(s, ADMINS), "{:,.1f}", flat=True),
        row("admins: p99, ms", lambda s: s.phases[ADMINS].p99_ms or 0, "{:.1f}"),
        row("stock: us a delivery", lambda s: figures.pod_us_a_delivery(s, STOCK), "{:,.1f}", flat=True),
        row("stock: p99, ms", lambda s: s.phases[STOCK].p99_ms or 0, "{:.1f}"),
        ("**Redis**", [""] * (len(steps) + 1)),
        row("idle: % of a core", lambda s: 100 * figures.redis_cores(s, IDLE), "{:.2f}"),
        row("orders: % of a core", lambda s: 100 * figures.redis_cores(s, ORDERS), "{:.1f}"),
        row("orders: us an event", lambda s: figures.redis_us_an_event(s, ORDERS), flat=True),
        optional(f"{BURST_TIMES} times the orders: us an event", lambda s: figures.redis_us_an_event(s, BURST)),
        row("idle: commands a second", lambda s: figures.redis_a_second(s, IDLE, "commands")),
        row("orders: commands a second", lambda s: figures.redis_a_second(s, ORDERS, "commands")),
        row("orders: bytes in, an event", lambda s: figures.redis_an_event(s, ORDERS, "bytes_in"), flat=True),
        row("orders: bytes out, an event", lambda s: figures.redis_an_event(s, ORDERS, "bytes_out"), flat=True),
        row("admins: us an event", lambda s: figures.redis_us_an_event(s, ADMINS), flat=True),
        row("admins: bytes out, an event", lambda s: figures.redis_an_event(s, ADMINS, "bytes_out"), flat=True),
        row("stock: us an event", lambda s: figures.redis_us_an_event(s, STOCK), flat=True),
        row("stock: bytes out, an event", lambda s: figures.redis_an_event(s, STOCK, "bytes_out"), flat=True),
        ("**Kafka's broker**", [""] * (len(steps) + 1)),
        row("orders: us an event", figures.kafka_us_an_event, flat=True),
        ("**a pod comes**", [""] * (len(steps) + 1)),
        *_of_rebalance(row, lambda s: s.came),
        ("**it goes**", [""] * (len(steps) + 1)),
        *_of_rebalance(row, lambda s: s.went),
        ("**the pod without sockets**", [""] * (len(steps) + 1)),
        row("records that it took in", lambda s: s.memberless.counts.records if s.memberless else 0),
        row("rooms that it heard", lambda s: s.memberless.room_subscriptions if s.memberless else 0),
        row("messages that it heard", lambda s: s.memberless.counts.room_messages if s.memberless else 0),
        ("**numbered events**", [""] * (len(steps) + 1)),
        row("lost", lambda s: s.judgement.lost),
        row("twice", lambda s: s.judgement.twice),
        row("out of order, or to somebody else", lambda s: s.judgement.misordered + s.judgement.misrouted),
        row("sockets that had to come back", lambda s: s.judgement.reconnects),
    ]


def _of_rebalance(
    row: Callable[[str, Callable[[Step], float], str], tuple[str, Values]], of: Callable[[Step], Rebalance | None]
) -> list[tuple[str, Values]]:
    def value(name: str) -> Callable[[Step], float]:
        return lambda step: float(getattr(of(step), name))

    return [
        row("nothing is late any more after, s", value("over_seconds"), "{:.1f}"),
        row("of these something was late for, s", value("pause_seconds"), "{:.1f}"),
        row("one event waited at most, s", value("longest_wait_seconds"), "{:.2f}"),
    ]


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


HEADING: Final = "Cost by pods"


def print_table(console: Console, steps: Sequence[Step], cores: int) -> None:
    """Print all figures."""
    table = Table(title=HEADING)
    table.add_column("pods")
    for step in steps:
        table.add_column(str(step.pods), justify="right")
    table.add_column("grew", justify="right")
    for label, values in rows(steps, cores):
        name = f"[bold]{label.strip('*')}[/bold]" if label.startswith("**") else label
        table.add_row(name, *(value.replace("[", r"\[") for value in values))
    console.print(table)


def write_results(results: Path, header: ScaleHeader, steps: Sequence[Step], copies: Sequence[Copies]) -> Path:
    """Write results.json, results.md and the plots into a directory of this run's own; return it."""
    where = header.own_directory(results, "scale")
    told = header.as_json() | {"steps": [asdict(step) for step in steps], "copies": [asdict(one) for one in copies]}
    (where / "results.json").write_text(json.dumps(told, indent=2) + "\n")
    (where / "results.md").write_text(as_markdown(header, steps, copies, draw_all(where, steps)))
    return where


def as_markdown(header: ScaleHeader, steps: Sequence[Step], copies: Sequence[Copies], plots: Sequence[str]) -> str:
    """Write the page of a run."""
    work = steps[0].work
    lines = [
        f"# More pods, {header.date:%Y-%m-%d}, commit {header.commit}",
        "",
        f"`{header.command}`, {header.seconds / 60:.0f} minutes.",
        "",
        f"Each pod has {work.users:,} sockets, each of a user with orders of their own, and",
        f"{work.events_per_second:g} order events a second: twice the pods have twice the work. Pods, Redis, Kafka,",
        f"producer and clients share {header.cores} cores. us are CPU above idling; in brackets the lowest and the",
        "highest pod; *grew*: the last column to the first.",
        "",
        "- *orders*: each event makes two messages to its user's socket, and one to admins, of whom none is there.",
        f"- *{BURST_TIMES} times the orders*: what comes together shares a turn of the event loop, and a call.",
        f"- *admins*: besides, {steps[0].admins // steps[0].pods} sockets a pod hear of every order there is, so their",
        "  work grows with all pods.",
        f"- *stock*: {work.stock_events_per_second:g} events a second in all, which every socket hears.",
        "",
        *header.lines(),
        "",
        f"| pods | {' | '.join(str(step.pods) for step in steps)} | grew |",
        "|---|" + "---:|" * (len(steps) + 1),
        *(f"| {label} | {' | '.join(values)} |" for label, values in rows(steps, header.cores)),
    ]
    by_subscribers = ", ".join(f"{one.us_a_message:.0f} us to {one.subscribers}" for one in copies)
    lines += ["", f"Redis alone, a message of 400 bytes published one by one, by its subscribers: {by_subscribers}."]
    for plot in plots:
        lines += ["", f"![{plot.removesuffix('.png')}]({plot})"]
    return "\n".join(lines) + "\n"
