"""The pictures of a climb."""

from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ceiling.memory import BYTES_PER_GB, PARTS
from ceiling.ramp import Climb
from observe.plots import COLOURS, figure, save

SECONDS_PER_MINUTE: Final = 60
THOUSAND: Final = 1_000
NAMES: Final = {"pods": "pods", "redis": "Redis", "kernel": "kernel, both ends", "clients": "load clients"}


def _short(value: float, _: int | None = None) -> str:
    """As a count on an axis: 750, 20k, 1M."""
    for unit, size in (("M", THOUSAND**2), ("k", THOUSAND)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


SHORT: Final = FuncFormatter(_short)


def draw_all(where: Path, climb: Climb) -> list[str]:
    """Draw the way up, and where memory went, into PNG files of a directory; return their names."""
    if not climb.steps:
        return []
    made, (way, pace, memory, lateness) = figure(2, 2, title="How far one machine goes")
    _draw_way(way, climb)
    _draw_pace(pace, climb)
    _draw_memory(memory, climb)
    _draw_lateness(lateness, climb)
    save(made, where / "ceiling.png")
    return ["ceiling.png"]


def _draw_way(axes: Axes, climb: Climb) -> None:
    minutes = [at / SECONDS_PER_MINUTE for at, _, _ in climb.path]
    axes.plot(minutes, [sockets for _, sockets, _ in climb.path], color=COLOURS[0])
    axes.set(title="Sockets", xlabel="minutes", ylim=(0, None), xlim=(0, None))
    axes.yaxis.set_major_formatter(SHORT)
    left = axes.twinx()
    left.spines[["top"]].set_visible(False)
    left.plot(minutes, [byte / BYTES_PER_GB for _, _, byte in climb.path], color=COLOURS[1], linestyle="--")
    left.set(ylim=(0, None))
    left.set_ylabel("GB that can still be had", color=COLOURS[1])


def _draw_pace(axes: Axes, climb: Climb) -> None:
    sockets = [step.sockets for step in climb.steps]
    axes.plot(sockets, [step.handshakes_per_second for step in climb.steps], color=COLOURS[2], marker="o")
    axes.set(title="Handshakes a second, on the way there", xlabel="sockets", ylim=(0, None), xlim=(0, None))
    _sockets_below(axes)


def _draw_memory(axes: Axes, climb: Climb) -> None:
    steps = climb.steps
    grown = [step.memory - climb.empty for step in steps]
    held = [[0.0, *(getattr(memory, part) / BYTES_PER_GB for memory in grown)] for part in PARTS]
    axes.stackplot([0, *(step.sockets for step in steps)], held, colors=COLOURS, labels=[NAMES[part] for part in PARTS])
    axes.set(title="Memory that came with the sockets, GB", xlabel="sockets", xlim=(0, steps[-1].sockets))
    axes.legend(loc="upper left", frameon=False, reverse=True)
    _sockets_below(axes)


def _draw_lateness(axes: Axes, climb: Climb) -> None:
    sockets = [step.sockets for step in climb.steps]
    for colour, name, lates in (
        (COLOURS[0], "to one user", [step.of_users for step in climb.steps]),
        (COLOURS[1], f"to a room of {climb.steps[-1].room:,}", [step.of_room for step in climb.steps]),
    ):
        axes.plot(sockets, [late.p99_ms for late in lates], color=colour, marker="o", label=f"{name}, p99")
        axes.plot(
            sockets, [late.p50_ms for late in lates], color=colour, linestyle=":", marker=".", label=f"{name}, p50"
        )
    axes.set(title="From Kafka's producer to the socket, ms", xlabel="sockets", xlim=(0, None), yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(frameon=False, ncols=2, fontsize="small")
    _sockets_below(axes)


def _sockets_below(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(SHORT)
