"""The pictures of a run: what an event costs, what it waits, and what a pod that comes or goes makes it wait."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from observe.plots import COLOURS, figure, save
from scale import figures
from scale.figures import ADMINS, IDLE, ORDERS, STOCK, of_kafka, of_pods, of_redis
from scale.outcome import Step, by_pods


def draw_all(where: Path, steps: Sequence[Step]) -> list[str]:
    """Draw into a directory; return the files' names."""
    made, (cost, redis, busy, late) = figure(2, 2, title="Cost of more pods, each with the same work")
    grouped = by_pods(steps)

    for colour, label, part in ((0, "pods", of_pods), (6, "Kafka's broker", of_kafka), (1, "Redis", of_redis)):
        _line(cost, grouped, lambda s, part=part: figures.us_an_event(s, ORDERS, part), colour, label)
    _finish(cost, grouped, "An order event to its user", "us of CPU an event")

    for colour, phase in enumerate((ORDERS, ADMINS, STOCK), 1):
        _line(redis, grouped, lambda s, phase=phase: figures.us_an_event(s, phase, of_redis), colour, phase)
    _finish(redis, grouped, "Redis, by what is told", "us of CPU an event")

    for colour, phase in ((6, IDLE), (1, ORDERS), (2, ADMINS), (3, STOCK)):
        _line(busy, grouped, lambda s, phase=phase: 100 * figures.pod_cores(s, phase), colour, phase)
    _finish(busy, grouped, "A pod, in the mean", "% of a core")

    _line(late, grouped, lambda s: s.phases[ORDERS].p50_ms, 5, "orders, p50")
    _line(late, grouped, lambda s: s.phases[ORDERS].p99_ms, 1, "orders, p99")
    _line(late, grouped, lambda s: s.phases[STOCK].p99_ms, 3, "stock, p99")
    _finish(late, grouped, "From the producer's send to the client", "ms")
    save(made, where / "scale.png")
    return ["scale.png", _draw_rebalances(where, grouped)]


def _draw_rebalances(where: Path, grouped: Mapping[int, Sequence[Step]]) -> str:
    made, (over, waited) = figure(1, 2, title="One pod more comes, and goes, while events flow")
    for colour, (label, way) in enumerate((("it comes", "came"), ("it goes", "went"))):
        _line(over, grouped, lambda s, way=way: getattr(s, way).over_seconds, colour, label)
        _line(waited, grouped, lambda s, way=way: getattr(s, way).longest_wait_seconds, colour, label)
    _finish(over, grouped, "Until nothing is late any more", "seconds from its start, or SIGTERM")
    _finish(waited, grouped, "The event that waited longest", "seconds")
    save(made, where / "rebalances.png")
    return "rebalances.png"


def _line(
    axes: Axes, grouped: Mapping[int, Sequence[Step]], of: Callable[[Step], float | None], colour: int, label: str
) -> None:
    """The median of the repetitions, and their spread. What was not measured in one of them is a hole."""
    known = {pods: [value for step in steps if (value := of(step)) is not None] for pods, steps in grouped.items()}
    known = {pods: values for pods, values in known.items() if values}
    middle = [median(values) for values in known.values()]
    ends = [
        [m - min(values) for m, values in zip(middle, known.values(), strict=True)],
        [max(values) - m for m, values in zip(middle, known.values(), strict=True)],
    ]
    axes.errorbar(list(known), middle, ends, color=COLOURS[colour], marker="o", markersize=4, capsize=3, label=label)


def _finish(axes: Axes, pods: Collection[int], title: str, unit: str) -> None:
    axes.set_title(title)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(pods), [str(one) for one in pods])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("pods")
    axes.set_ylabel(unit)
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize="small")
