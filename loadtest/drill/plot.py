"""The picture of a drill: a line for each alert and each panel, over the time of the fault."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from drill.alerts import FIRING, PENDING, RESOLVED
from drill.rehearsal import Rehearsal

# Okabe and Ito's colours, which the colour-blind tell apart.
FAULT_COLOUR: Final = "#D55E00"
COLOURS: Final = {PENDING: "#F0E442", FIRING: "#CC0000", "panel": "#0072B2", "other panel": "#9ecae1"}
ROW_INCHES: Final = 0.24
WIDTH_INCHES: Final = 13
DPI: Final = 130
BEFORE_SECONDS: Final = 20
BAR: Final = 0.7


def draw(rehearsal: Rehearsal, path: Path) -> None:
    """Draw one drill into a file."""
    expected = {panel.name for panel in rehearsal.expected.panels}
    alerts = [history for history in rehearsal.watch.histories.values() if history.changes]
    alerts.sort(key=lambda history: history.changes[0][0])
    panels = [(found.first, name, found) for name, found in rehearsal.panels.items() if found is not None]
    panels.sort(key=lambda one: (one[1] not in expected, one[0], one[1]))
    rows = [*(history.name.removeprefix("Realtime") for history in alerts), *(name for _, name, _ in panels)]
    height = 1.8 + ROW_INCHES * max(1, len(rows))
    figure, axes = plt.subplots(figsize=(WIDTH_INCHES, height))
    axes.axvspan(0, rehearsal.mended, color=FAULT_COLOUR, alpha=0.15, linewidth=0)
    for row, history in enumerate(alerts):
        for state in (PENDING, FIRING):
            _bars(axes, row, history.spans(state, rehearsal.watched_until), COLOURS[state])
        for at, status in history.notified:
            axes.plot(at, row, marker="v" if status == FIRING else "^", color="black", markersize=6)
    for row, (_, name, found) in enumerate(panels, len(alerts)):
        _bars(axes, row, [(found.first, found.last)], COLOURS["panel" if name in expected else "other panel"])
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-BEFORE_SECONDS, rehearsal.watched_until + 2)
    axes.set_xlabel("seconds from the fault")
    axes.grid(axis="x", alpha=0.3)
    if alerts and panels:
        axes.axhline(len(alerts) - 0.5, color="black", linewidth=0.8)
    axes.set_title(f"{rehearsal.fault}: who told, and when")
    axes.legend(handles=_legend(), loc="upper center", bbox_to_anchor=(0.4, -60 / (72 * height)), ncols=5, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def _bars(axes: Axes, row: int, spans: list[tuple[float, float]], colour: str) -> None:
    for begin, end in spans:
        axes.barh(row, max(end - begin, 0.5), left=begin, height=BAR, color=colour, edgecolor="none")


def _legend() -> list[Patch]:
    return [
        Patch(color=FAULT_COLOUR, alpha=0.15, label="the fault"),
        Patch(color=COLOURS[PENDING], label="alert pending"),
        Patch(color=COLOURS[FIRING], label=f"alert firing (v: webhook told, ^: told {RESOLVED})"),
        Patch(color=COLOURS["panel"], label="panel away from what it showed before"),
        Patch(color=COLOURS["other panel"], label="a panel that need not tell"),
    ]
