"""The kinds of panels: a number, lines over time, bars, states over time."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, MaxNLocator, MultipleLocator

from realtime_dashboards.pictures import theme
from realtime_dashboards.pictures.answers import Answers, Series
from realtime_dashboards.pictures.box import Box
from realtime_dashboards.pictures.numbers import written

# What a letter takes of its height, on average.
LETTER: Final = 0.62
LEGEND_POINTS: Final = 8.5
LEGEND_LINE: Final = 16.0
MARKS: Final = 4

Panel = Mapping[str, Any]


def draw_number(box: Box, panel: Panel, answers: Answers) -> None:
    """A number in the colour of its level, its past below; or words on their colours, side by side."""
    series, look = answers.panels[panel["id"]], panel["fieldConfig"]["defaults"]
    if not series:
        box.text(box.width / 2, box.height / 2, look.get("noValue", "No data"), 13, theme.FAINT, align="center")
        return
    if look.get("mappings"):
        _draw_words(box, series, look["mappings"][0]["options"])
        return
    value = series[0].last
    colour = theme.colour_of_level(value, look["thresholds"])
    _draw_past(box, answers.times, series[0].values, colour)
    text = written(value, look["unit"], look.get("decimals"))
    points = min(box.height * 0.42, (box.width - 20) / (LETTER * len(text)) * 0.8, 34)
    box.text(box.width / 2, box.height * 0.40, text, points, colour, align="center")


def draw_graph(box: Box, panel: Panel, answers: Answers) -> None:
    """Lines or stacked areas, dashed thresholds, marks, and a legend below."""
    look = panel["fieldConfig"]["defaults"]
    series = answers.panels[panel["id"]]
    colours = _colours(panel, series)
    told = [
        (each, colour)
        for each, colour in zip(series, colours, strict=True)
        if not (_hides_zeros(panel) and not any(value for value in each.values if not math.isnan(value)))
    ]
    taken = _draw_legend(box, told, look["unit"])
    axes = _time_axes(box.part(62, 2, box.width - 76, box.height - 26 - taken), answers.times)
    if not series:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, color=theme.FAINT, ha="center", va="center")
    if look["custom"].get("stacking", {}).get("mode") == "normal" and series:
        values = [[0.0 if math.isnan(value) else value for value in each.values] for each in series]
        axes.stackplot(answers.times, values, colors=colours, alpha=0.4, linewidth=0, zorder=2)
        tops = [0.0] * len(answers.times)
        for part, colour in zip(values, colours, strict=True):
            tops = [low + high for low, high in zip(tops, part, strict=True)]
            axes.plot(answers.times, tops, color=colour, linewidth=1, zorder=3)
    else:
        for each, colour in zip(series, colours, strict=True):
            axes.plot(answers.times, each.values, color=colour, linewidth=1.4, zorder=3)
        tops = [value for each in series for value in each.values if math.isfinite(value)]
    # A level beyond all that happened would press it to the ground: Grafana's axis does not reach for it either.
    top = (max([*tops, look["custom"].get("axisSoftMax", 0), 0]) or 1) * 1.08
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(_ticks(top, look["unit"]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, look["unit"])))
    if look["custom"].get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in look["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] <= top:
                axes.axhline(step["value"], color=theme.COLOURS[step["color"]], linewidth=1, linestyle=(0, (5, 4)))
    _draw_marks(axes, answers)


def draw_bars(box: Box, panel: Panel, answers: Answers) -> None:
    """A bar for each series, of the most that there may be."""
    look, series = panel["fieldConfig"]["defaults"], answers.panels[panel["id"]]
    if not series:
        box.text(box.width / 2, box.height / 2, look.get("noValue", "No data"), 11, theme.FAINT, align="center")
    height = min(44.0, (box.height - 10) / max(1, len(series)))
    names = max([len(each.legend) for each in series], default=0) * 6.6 + 24
    most = look.get("max") or max([each.last for each in series], default=1) or 1
    for number, each in enumerate(series):
        line = box.part(0, 4 + number * height, box.width, height)
        colour = theme.colour_of_level(each.last, look["thresholds"])
        line.text(10, height / 2, each.legend, 9, theme.TEXT)
        whole = line.part(names, 7, box.width - names - 90, height - 14)
        axes = whole.axes()
        axes.barh(0, 1, height=1, color=theme.GRID)
        axes.barh(0, max(0.0, min(each.last / most, 1.0)), height=1, color=colour)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.5, 0.5)
        line.text(box.width - 12, height / 2, written(each.last, look["unit"]), 10, colour, align="right")


def draw_states(box: Box, panel: Panel, answers: Answers) -> None:
    """A band for each series, in the colours of its states."""
    series = answers.panels[panel["id"]]
    states = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    names = max([len(each.legend) for each in series], default=0) * 6.4 + 20
    axes = _time_axes(box.part(names, 2, box.width - names - 14, box.height - 26), answers.times)
    axes.set_ylim(len(series) - 0.5, -0.5)
    axes.yaxis.set_major_locator(FixedLocator(list(range(len(series)))))
    axes.set_yticklabels([each.legend for each in series])
    axes.grid(visible=False)
    width = answers.times[-1] - answers.times[0]
    for row, each in enumerate(series):
        for begin, end, value in _runs(answers.times, each.values):
            state = states.get(f"{value:g}")
            colour = theme.COLOURS[state["color"]] if state else theme.FAINT
            axes.barh(row, end - begin, left=begin, height=0.7, color=colour, alpha=0.85, zorder=2)
            if state and (end - begin) / width > 0.12:
                middle = (begin + end) / 2
                axes.text(middle, row, state["text"], color=theme.on(colour), ha="center", va="center", fontsize=7.5)
    _draw_marks(axes, answers)


def _draw_words(box: Box, series: Sequence[Series], states: Mapping[str, Any]) -> None:
    width = (box.width - 12) / len(series)
    for number, each in enumerate(series):
        part = box.part(6 + number * width + 2, 0, width - 4, box.height - 8)
        state = states.get(f"{each.last:g}", {"text": f"{each.last:g}", "color": "purple"})
        colour = theme.COLOURS[state["color"]]
        axes = part.axes()
        axes.set_axis_on()
        axes.set_facecolor(colour)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        part.text(part.width / 2, part.height * 0.3, each.legend, 9.5, theme.on(colour), align="center")
        points = min(16.0, part.width / (LETTER * len(state["text"])) * 0.75)
        part.text(
            part.width / 2, part.height * 0.62, state["text"], points, theme.on(colour), weight="bold", align="center"
        )


def _draw_past(box: Box, times: Sequence[float], values: Sequence[float], colour: str) -> None:
    axes = box.part(2, box.height * 0.68, box.width - 4, box.height * 0.32 - 2).axes()
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    axes.set_ylim(low - (high - low) * 0.1 - 1e-12, high + (high - low) * 0.15 + 1e-12)
    axes.set_xlim(times[0], times[-1])
    axes.plot(times, values, color=colour, linewidth=1.2)
    bottom = [low - (high - low) * 0.1] * len(times)
    axes.fill_between(times, bottom, values, color=colour, alpha=0.18, linewidth=0)


def _draw_legend(box: Box, told: Sequence[tuple[Series, str]], unit: str) -> float:
    """Draw as much of a legend as two lines take; return their height."""
    x, line, placed = 14.0, 0, []
    for number, (each, colour) in enumerate(told):
        text = f"{each.legend}  {written(each.last, unit)}"
        width = 22 + len(text) * LEGEND_POINTS * LETTER
        if x + width > box.width - 70:
            x, line = 14.0, line + 1
        if line > 1:
            placed.append((x, 1, f"and {len(told) - number} more", theme.FAINT, False))
            x_last = placed[-2][0] if len(placed) > 1 else 14.0
            placed[-1] = (x_last + 22 + len(placed[-2][2]) * LEGEND_POINTS * LETTER, *placed[-1][1:])
            line = 1
            break
        placed.append((x, line, text, colour, True))
        x += width
    height = (line + 1) * LEGEND_LINE
    for left, row, text, colour, has_line in placed:
        y = box.height - height + (row + 0.35) * LEGEND_LINE
        if has_line:
            box.text(left, y, "━", LEGEND_POINTS + 1, colour)
        box.text(left + 15, y, text, LEGEND_POINTS, theme.TEXT if has_line else theme.FAINT)
    return height


def _time_axes(box: Box, times: Sequence[float]) -> Axes:
    axes = box.axes()
    axes.set_axis_on()
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(color=theme.GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.FAINT, labelsize=7.5, length=0, pad=4)
    axes.set_xlim(times[0], times[-1])
    span = times[-1] - times[0]
    count = max(2, min(6, int(box.width // 90)))
    step = next((step for step in (5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600) if span / step <= count), 7_200)
    first = math.ceil(times[0] / step) * step
    axes.xaxis.set_major_locator(FixedLocator([first + step * n for n in range(int((times[-1] - first) // step) + 1)]))
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: datetime.fromtimestamp(at, tz=UTC).strftime(form)))
    return axes


def _draw_marks(axes: Axes, answers: Answers) -> None:
    for name, times in answers.marks.items():
        colour = theme.COLOURS["orange" if "leaves" in name else "blue"]
        for time in times:
            axes.axvline(time, color=colour, linewidth=0.8, linestyle=(0, (1, 2)), alpha=0.9, zorder=MARKS)


def _ticks(top: float, unit: str) -> Locator:
    """Where the axis has lines: at round numbers, of bytes too."""
    if unit != "bytes" or top < 1024:
        return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    scale = 1024 ** int(math.log(top, 1024))
    step = next(step for step in (1, 2, 5, 10, 25, 50, 100, 250, 500) if top / scale / step <= 5)
    return MultipleLocator(step * scale)


def _colours(panel: Panel, series: Sequence[Series]) -> list[str]:
    own = {
        override["matcher"]["options"]: prop["value"]["fixedColor"]
        for override in panel["fieldConfig"].get("overrides", ())
        if override["matcher"]["id"] == "byFrameRefID"
        for prop in override["properties"]
        if prop["id"] == "color"
    }
    base = panel["fieldConfig"]["defaults"]["color"]["fixedColor"]
    # Grafana numbers the shades of all series, those with a colour of their own among them.
    others = theme.shades(base, max(1, len([each for each in series if each.ref not in own])))
    return _each_in_turn(series, own, list(others))


def _each_in_turn(series: Sequence[Series], own: Mapping[str, str], others: list[str]) -> list[str]:
    same = {ref: len([each for each in series if each.ref == ref]) for ref in own}
    of_own = {ref: list(theme.shades(colour, max(1, same[ref]))) for ref, colour in own.items()}
    return [of_own[each.ref].pop(0) if each.ref in own else others.pop(0) for each in series]


def _hides_zeros(panel: Panel) -> bool:
    return any(
        override["matcher"]["id"] == "byValue" and override["matcher"]["options"]["reducer"] == "allIsZero"
        for override in panel["fieldConfig"].get("overrides", ())
    )


def _runs(times: Sequence[float], values: Sequence[float]) -> list[tuple[float, float, float]]:
    """Stretches of one value: (begin, end, value)."""
    step = times[1] - times[0]
    runs: list[tuple[float, float, float]] = []
    for time, value in zip(times, values, strict=True):
        if math.isnan(value):
            continue
        if runs and runs[-1][2] == value and time < runs[-1][1] + step / 2:
            runs[-1] = (runs[-1][0], time + step, value)
        else:
            runs.append((time, time + step, value))
    return runs
