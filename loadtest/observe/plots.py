"""How the pictures of all tools look."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")
PICTURE_DPI: Final = 150
PANEL_INCHES: Final = (6.0, 3.4)


def figure(rows: int, columns: int = 1, *, title: str = "") -> tuple[Figure, Sequence[Axes]]:
    """Make so many panels, row by row; close the figure by `save`."""
    width, height = PANEL_INCHES
    made, axes = plt.subplots(
        rows, columns, figsize=(columns * width, rows * height), squeeze=False, layout="constrained"
    )
    if title:
        made.suptitle(title, fontsize="x-large")
    panels = list(axes.flat)
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
    return made, panels


def save(made: Figure, path: Path) -> None:
    """Write it as PNG."""
    made.savefig(path, dpi=PICTURE_DPI)
    plt.close(made)
