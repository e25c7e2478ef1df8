"""The picture of a run: what must not grow, with the line that it was judged by."""

from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from observe.plots import COLOURS, figure, save
from soak.judge import Series, Trend
from soak.run import Soaked
from tool.quantities import MB

SECONDS_PER_MINUTE: Final = 60.0
# Above what is drawn.
ROOM: Final = 1.2


def draw(soaked: Soaked, title: str, path: Path) -> None:
    """Draw all quantities over time."""
    made, panels = figure(3, 2, title=f"{title[0].upper()}{title[1:]}, while clients come and go")
    fits = {one.name: one for one in soaked.trends}
    for axes, (quantity, by_whose) in zip(panels, soaked.series.items(), strict=True):
        unit, name = (MB, f"{quantity}, MB") if "memory" in quantity else (1, quantity)
        for colour, (whose, series) in zip(COLOURS, by_whose.items(), strict=False):
            _draw(axes, whose, series, colour, unit)
            if (fitted := fits.get(f"{quantity}, {whose}")) is not None:
                _draw_line(axes, fitted, series[-1][0], colour, unit)
        top = ROOM * max(value for series in by_whose.values() for _, value in series) / unit
        axes.set(title=name, xlabel="minutes", xlim=(0, None), ylim=(0, top))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        _shade_first_half(axes, next(iter(by_whose.values())))
        if len(by_whose) > 1:
            axes.legend(frameon=False, loc="lower right", ncols=len(by_whose))
    save(made, path)


def _draw(axes: Axes, whose: str, series: Series, colour: str, unit: float) -> None:
    minutes = [at / SECONDS_PER_MINUTE for at, _ in series]
    axes.plot(minutes, [value / unit for _, value in series], color=colour, linewidth=0.9, alpha=0.7, label=whose)


def _draw_line(axes: Axes, fitted: Trend, end_seconds: float, colour: str, unit: float) -> None:
    minutes = [(end_seconds - fitted.seconds) / SECONDS_PER_MINUTE, end_seconds / SECONDS_PER_MINUTE]
    ends = [(fitted.mean - fitted.growth / 2) / unit, (fitted.mean + fitted.growth / 2) / unit]
    axes.plot(minutes, ends, color=colour, linewidth=2.2)


def _shade_first_half(axes: Axes, series: Series) -> None:
    middle = (series[0][0] + series[-1][0]) / 2 / SECONDS_PER_MINUTE
    axes.axvspan(0, middle, color="#f2f2f2", zorder=-1)
