"""The picture: a small diagram for each row, with a bar and its value for each contender; the best is marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes

from bench.pods import CENTRIFUGO, NODE_RECOVERY, NODE_SHARDED
from bench.processes import NODE, OURS, STOCK
from observe.plots import COLOURS, figure, save
from scorecard.contenders import Contender
from scorecard.lines import OTHER_CORE, Line

COLOUR_OF: Final = {
    OURS: COLOURS[0],
    STOCK: COLOURS[1],
    NODE: COLOURS[2],
    CENTRIFUGO: COLOURS[3],
    NODE_RECOVERY: COLOURS[5],
    NODE_SHARDED: COLOURS[4],
}
COLUMNS: Final = 3
PANEL_INCHES: Final = (5.6, 2.1)
TITLE_INCHES: Final = 0.8
# Beyond the longest bar, for its value.
ROOM: Final = 1.28
BEST: Final = "#0a7d32"


def draw(path: Path, title: str, lines: Sequence[Line], contenders: Sequence[Contender]) -> None:
    """Write the picture. A longer bar is more, not better: each title says which way is. Ties are told below.

    A line at the end of a bar is the spread of the `n` repetitions. How busy others were is left to the table.
    """
    lines = [line for line in lines if line.metric.unit != OTHER_CORE]
    ties = [line for line in lines if len(contenders) > 1 and len(line.best) == line.measured]
    told = [line for line in lines if line not in ties] or list(lines)
    made, panels = figure(-(-len(told) // COLUMNS), COLUMNS, title=title)
    width, height = PANEL_INCHES
    made.set_size_inches(width * COLUMNS, height * (len(panels) // COLUMNS) + TITLE_INCHES)
    for panel, line in zip(panels, told, strict=False):
        _draw_panel(panel, line, contenders)
    for panel in panels[len(told) :]:
        panel.set_visible(False)
    if ties and told != ties:
        same = "; ".join(f"{line.metric.title}: {line.text(0, with_spread=False)}" for line in ties)
        made.supxlabel(f"The same for all: {same}.", fontsize="medium", color="#555555")
    save(made, path)


def _draw_panel(panel: Axes, line: Line, contenders: Sequence[Contender]) -> None:
    shown = [(i, summary) for i, summary in enumerate(line.summaries) if summary is not None]
    longest = max(summary.highest for _, summary in shown) or 1.0
    for at, (i, summary) in enumerate(shown):
        is_best = i in line.best
        panel.barh(at, summary.median, color=COLOUR_OF[contenders[i].kind], height=0.72)
        if summary.repetitions > 1:
            panel.hlines(at, summary.lowest, summary.highest, color="black", linewidth=1)
        panel.text(
            summary.highest + 0.015 * longest,
            at,
            line.text(i, with_spread=False) + (" \N{BLACK STAR}" if is_best else ""),
            va="center",
            color=BEST if is_best else "black",
            fontweight="bold" if is_best else "normal",
        )
    panel.set_yticks(range(len(shown)), [contenders[i].title for i, _ in shown])
    for label, (i, _) in zip(panel.get_yticklabels(), shown, strict=True):
        label.set_fontweight("bold" if contenders[i].kind == OURS else "normal")
    panel.invert_yaxis()
    panel.set_xlim(0, ROOM * longest)
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)
    panel.grid(visible=False)
    panel.tick_params(axis="y", length=0)
    better = "more" if line.metric.more_is_better else "less"
    told = f"{line.metric.title} ({line.metric.unit})\n{better} is better; n={line.repetitions}"
    panel.set_title(told, fontsize="medium", loc="left")
