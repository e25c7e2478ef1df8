"""What came out of a run of `make scale`, in words, with its own figures: a table, and what it says."""

from collections.abc import Callable
from typing import Final

from model.constants import BENCH, SCALE, Constants
from model.project import MIXES, Budget, Load, project
from model.sources import Sources
from scale import figures
from scale.figures import ADMINS, BURST, IDLE, ORDERS, of_kafka, of_pods, of_redis
from scale.outcome import BURST_TIMES, Rebalance, Step, by_pods
from scale.spread import NOISE, cell, growth, summary

# Less than this is no growth, whatever its spread.
FLAT_SHARE: Final = 0.10
JUDGED: Final = ("lost", "twice", "misordered")


def measured_lines(sources: Sources, link: Callable[[str], str]) -> list[str]:
    """The table: medians of the repetitions, and in brackets their spread."""
    grouped = by_pods(sources.scale.steps)

    def row(label: str, of: Callable[[Step], float | None], form: str = "{:,.0f}", *, grows: bool = False) -> str:
        found = [summary([of(step) for step in steps]) for steps in grouped.values()]
        cells = [*(cell(one, form) for one in found), growth(found[0], found[-1]) if grows else ""]
        return f"| {label} | {' | '.join(cells)} |"

    def wrong(steps: list[Step]) -> str:
        return ", ".join(str(sum(getattr(step.judgement, name) for step in steps)) for name in JUDGED)

    about = (
        f"From {link(sources.paths[SCALE])}, which has all of it: medians of {_times(sources)}; *grew*: the last "
        f"column to the first, *{NOISE}* where the spreads of the two overlap. {_disturbed(sources)}"
    )
    return [
        about,
        "",
        f"| pods | {' | '.join(map(str, grouped))} | grew |",
        "|---|" + "---:|" * (len(grouped) + 1),
        row("sockets", lambda s: s.pods * s.work.users),
        row("order events a second", lambda s: s.phases[ORDERS].events / s.phases[ORDERS].reading.seconds),
        row("a pod that is idle, % of a core", lambda s: 100 * figures.pod_cores(s, IDLE), "{:.2f}", grows=True),
        row("pods: us an order, with two deliveries", lambda s: figures.us_an_event(s, ORDERS, of_pods), grows=True),
        row("Redis: us an order", lambda s: figures.us_an_event(s, ORDERS, of_redis), grows=True),
        row("Redis sends: bytes an order", lambda s: figures.redis_an_event(s, ORDERS, "bytes_out"), grows=True),
        row("… with admins on each pod", lambda s: figures.redis_an_event(s, ADMINS, "bytes_out"), grows=True),
        row("Kafka's broker: us an order", lambda s: figures.us_an_event(s, ORDERS, of_kafka), grows=True),
        row("from producer to client: p50, ms", lambda s: s.phases[ORDERS].p50_ms, "{:.1f}"),
        row("… p99, ms", lambda s: s.phases[ORDERS].p99_ms, "{:.1f}"),
        row("a pod comes: an event waits at most, s", lambda s: _waited(s.came), "{:.2f}"),
        row("a pod goes: an event waits at most, s", lambda s: _waited(s.went), "{:.2f}"),
        row(
            "rooms heard by a pod without sockets", lambda s: s.memberless.room_subscriptions if s.memberless else None
        ),
        f"| lost, twice, out of order | {' | '.join(map(wrong, grouped.values()))} |  |",
        "",
        f"![cost by pods](../{sources.paths[SCALE]}/scale.png)",
        "",
    ]


def finding_lines(c: Constants, sources: Sources, link: Callable[[str], str]) -> list[str]:
    """What these come to."""
    numbers = list(by_pods(sources.scale.steps))
    ends = numbers[0], numbers[-1]
    alone = _of(sources, lambda s: figures.us_an_event(s, ORDERS, of_pods), numbers[0])
    burst = _of(sources, lambda s: figures.us_an_event(s, BURST, of_pods), sources.burst_pods)
    came = " and ".join(_of(sources, lambda s: _waited(s.came), pods, "{:.2f}") for pods in ends)
    went = " and ".join(_of(sources, lambda s: _waited(s.went), pods, "{:.2f}") for pods in ends)
    shop = project(Load.of(1_000_000, MIXES["shop"]), c, Budget()).redis.busiest(1)
    dashboard = project(Load.of(1_000_000, MIXES["dashboard"]), c, Budget()).redis.busiest(1)
    found = {
        "An order to its user": f"costs pods {_grew(sources, of_pods)}. It costs Redis {_grew(sources, of_redis)}.",
        "A room with members on every pod": (
            f"is sent to every pod, as it must be: {c.redis_copy_us:.1f} us of Redis' CPU and "
            f"{c.redis_copy_out_bytes:,.0f} bytes a copy. Admins who hear everything hear more when there is more."
        ),
        "Each pod": f"costs Redis {c.redis_pod_us:,.0f} us a second by being there.",
        "A pod that comes": f"lets one event wait for {came} s at most.",
        "A pod that goes": f"lets the orders of its partitions wait for {went} s, until the others have noticed.",
        "What comes together": (
            f"is cheaper. An order that comes alone costs pods {alone} us, {BURST_TIMES} times as many {burst} us "
            f"each; in a backlog, measured in {link(sources.paths[BENCH])}, {sources.backlog_us:,.0f} us. Sizing by "
            "the first is safe, sizing by the others is what happens when it counts."
        ),
        "A million sockets": (
            f"would take {shop:.0%} of a core of one Redis as a shop, and {dashboard:.0%} as a dashboard, on which one "
            "user in a hundred hears of every order: that grows with the square of the users."
        ),
    }
    lines = [f"From {ends[0]} to {ends[1]} pods, each with the same work:", ""]
    return [*lines, *(f"- **{what}** {said}" for what, said in found.items()), ""]


def _grew(sources: Sources, part: Callable[..., float]) -> str:
    grouped = list(by_pods(sources.scale.steps).values())
    first, last = (
        summary([figures.us_an_event(s, ORDERS, part) for s in steps]) for steps in (grouped[0], grouped[-1])
    )
    assert first is not None
    assert last is not None
    share = last.median / first.median
    is_noise = first.repetitions > 1 and first.overlaps(last)
    if abs(share - 1) <= FLAT_SHARE:
        verdict = "flat"
    elif is_noise:
        verdict = f"{share:.2f} times that, within the spread"
    else:
        verdict = f"{share:.2f} times that"
    return f"{cell(first, '{:,.0f}')} us, and at the end {cell(last, '{:,.0f}')} us: {verdict}"


def _of(sources: Sources, of: Callable[[Step], float | None], pods: int, form: str = "{:,.0f}") -> str:
    return cell(summary([of(step) for step in by_pods(sources.scale.steps)[pods]]), form)


def _waited(one: Rebalance | None) -> float | None:
    return one.longest_wait_seconds if one else None


def _times(sources: Sources) -> str:
    count = len(next(iter(by_pods(sources.scale.steps).values())))
    return f"{count} repetitions" if count > 1 else "one repetition, so nothing tells what of it is noise"


def _disturbed(sources: Sources) -> str:
    told = sources.disturbances
    if not told:
        return "The machine did nothing else meanwhile."
    return (
        f"**Disturbed:** {'; '.join(told)}. What waits for a core shares the next turn, so it costs less and is later."
    )
