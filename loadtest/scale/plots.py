"""The pictures of a run: what an event costs, what it waits, and what a pod that comes or goes makes it wait."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from observe.plots import COLOURS, figure, save
from scale import figures
from scale.figures import ADMINS, ORDERS, STOCK
from scale.outcome import Step


def draw_all(where: Path, steps: Sequence[Step]) -> list[str]:
    """Draw into a directory; return the files' names."""
    made, (cost, redis, busy, late) = figure(2, 2, title="Cost of more pods, each with the same work")
    pods = [step.pods for step in steps]

    spreads = [figures.pod_us_an_event(step) for step in steps]
    means = [one.mean for one in spreads]
    ends = [[one.mean - one.lowest for one in spreads], [one.highest - one.mean for one in spreads]]
    cost.errorbar(pods, means, ends, color=COLOURS[0], marker="o", capsize=3, label="pods, and their spread")
    _line(cost, pods, [figures.kafka_us_an_event(step) for step in steps], 6, "Kafka's broker")
    _line(cost, pods, [figures.redis_us_an_event(step, ORDERS) for step in steps], 1, "Redis")
    _finish(cost, pods, "An order event to its user", "us of CPU an event")

    for number, phase in enumerate((ORDERS, ADMINS, STOCK), 1):
        _line(redis, pods, [figures.redis_us_an_event(step, phase) for step in steps], number, phase)
    _finish(redis, pods, "Redis, by what is told", "us of CPU an event")

    for number, phase in enumerate((figures.IDLE, ORDERS, ADMINS, STOCK)):
        cores = [100 * figures.pod_cores(step, phase).mean for step in steps]
        _line(busy, pods, cores, (6, 1, 2, 3)[number], phase)
    _finish(busy, pods, "A pod, in the mean", "% of a core")

    _line(late, pods, [step.phases[ORDERS].p50_ms or 0 for step in steps], 5, "orders, p50")
    _line(late, pods, [step.phases[ORDERS].p99_ms or 0 for step in steps], 1, "orders, p99")
    _line(late, pods, [step.phases[STOCK].p99_ms or 0 for step in steps], 3, "stock, p99")
    _finish(late, pods, "From the producer's send to the client", "ms")
    save(made, where / "scale.png")
    return ["scale.png", _draw_rebalances(where, steps)]


def _draw_rebalances(where: Path, steps: Sequence[Step]) -> str:
    made, (over, waited) = figure(1, 2, title="One pod more comes, and goes, while events flow")
    pods = [step.pods for step in steps]
    for number, (label, of) in enumerate((("it comes", "came"), ("it goes", "went"))):
        felt = [getattr(step, of) for step in steps]
        _line(over, pods, [one.over_seconds for one in felt], number, label)
        _line(waited, pods, [one.longest_wait_seconds for one in felt], number, label)
    _finish(over, pods, "Until nothing is late any more", "seconds from its start, or SIGTERM")
    _finish(waited, pods, "The event that waited longest", "seconds")
    save(made, where / "rebalances.png")
    return "rebalances.png"


def _line(axes: Axes, pods: Sequence[int], values: Sequence[float], colour: int, label: str) -> None:
    axes.plot(pods, values, color=COLOURS[colour], marker="o", markersize=4, label=label)


def _finish(axes: Axes, pods: Sequence[int], title: str, unit: str) -> None:
    axes.set_title(title)
    axes.set_xscale("log", base=2)
    axes.set_xticks(pods, [str(one) for one in pods])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("pods")
    axes.set_ylabel(unit)
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize="small")
