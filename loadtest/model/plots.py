"""The pictures of docs/scale.md: the model through what was measured, and where it goes from there."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from model.check import check
from model.constants import Constants
from model.project import MIXES, Load, Projection, project
from model.sources import Sources
from observe.plots import COLOURS, figure, save

SIZES: Final = tuple(round(10 ** (4 + step / 8)) for step in range(25))
PHASES: Final = {"idle": 6, "orders": 0, "admins": 1, "stock": 2}
A_CORE: Final = "% of a core"
STYLES: Final = {"shop": "-", "dashboard": "-", "stock": "--"}  # the first and the last often are one line
PANELS: Final[tuple[tuple[str, str, Callable[[Projection], float]], ...]] = (
    ("Pods", "pods", lambda p: p.pods),
    ("The busiest pod", A_CORE, lambda p: 100 * p.busiest_pod_cores),
    ("Redis: the busiest primary", A_CORE, lambda p: 100 * p.redis_busiest_cores),
    ("Redis sends", "MB/s", lambda p: p.redis_out_bytes_per_second / 1e6),
    ("Memory of all pods", "GB", lambda p: p.pods_bytes / 1e9),
    ("Everybody back after", "seconds", lambda p: p.back_seconds),
)


def draw_all(where: Path, constants: Constants, sources: Sources) -> None:
    """Draw into a directory."""
    _draw_check(where / "scale-check.png", constants, sources)
    _draw_projected(where / "scale-projected.png", constants)


def _draw_check(path: Path, constants: Constants, sources: Sources) -> None:
    checked = check(constants, sources)
    made, panels = figure(1, 3, title="Lines: the model. Points: measured; hollow ones it was not fitted to")
    for axes, (what, unit, scale) in zip(
        panels,
        (("a pod", "% of a core", 100), ("Redis", "% of a core", 100), ("Redis sends", "KB/s", 1e-3)),
        strict=True,
    ):
        for phase, colour in PHASES.items():
            of_it = [one for one in checked if one.what == what and one.phase == phase]
            axes.plot(
                [one.pods for one in of_it], [one.modelled * scale for one in of_it], color=COLOURS[colour], label=phase
            )
            for one in of_it:
                fill = "white" if one.is_held_out else COLOURS[colour]
                axes.plot(one.pods, one.measured * scale, "o", color=COLOURS[colour], markerfacecolor=fill)
        pods = sorted({one.pods for one in checked})
        axes.set_xscale("log", base=2)
        axes.set_xticks(pods, [str(one) for one in pods])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("pods")
        axes.set_ylabel(unit)
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])  # room for the legend
        axes.set_title(what[0].upper() + what[1:])
    panels[0].legend(frameon=False, loc="upper left", ncols=2)
    save(made, path)


def _draw_projected(path: Path, constants: Constants) -> None:
    made, panels = figure(2, 3, title="Projected, by the sockets that are open")
    for axes, (title, unit, value) in zip(panels, PANELS, strict=True):
        for colour, mix in enumerate(MIXES.values()):
            values = [value(project(Load.of(size, mix), constants)) for size in SIZES]
            axes.plot(SIZES, values, STYLES[mix.name], color=COLOURS[colour], label=mix.name)
        if unit == A_CORE:
            axes.axhline(100, color="#444444", linewidth=1)
        _finish(axes, title, unit)
    panels[0].legend(frameon=False)
    save(made, path)


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("sockets")
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.set_xticks([1e4, 1e5, 1e6, 1e7], ["10k", "100k", "1M", "10M"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
