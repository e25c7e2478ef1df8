"""Grafana's dark theme."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.colors import to_hex, to_rgb

CANVAS: Final = "#111217"
PANEL: Final = "#181b1f"
BORDER: Final = "#2b2e34"
GRID: Final = "#2a2d33"
TEXT: Final = "#d5d6dc"
FAINT: Final = "#9094a0"
COLOURS: Final = {
    "blue": "#5794f2",
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "purple": "#b877d9",
}


def colour_of_level(value: float, thresholds: Mapping[str, Any]) -> str:
    """The colour of the level that a value has reached."""
    reached = [step for step in thresholds["steps"] if step["value"] is None or value >= step["value"]]
    return COLOURS[reached[-1]["color"]]


def shades(name: str, count: int) -> Sequence[str]:
    """So many shades of a colour, of which neighbours differ most where there are few."""
    hue, light, saturation = colorsys.rgb_to_hls(*to_rgb(COLOURS[name]))
    if count == 1:
        return [COLOURS[name]]
    darkest, lightest = light * 0.62, light + (1 - light) * 0.45
    return [
        to_hex(colorsys.hls_to_rgb(hue, darkest + (lightest - darkest) * n / (count - 1), saturation))
        for n in range(count)
    ]


def on(background: str) -> str:
    """Black or white, whichever can be read on it."""
    red, green, blue = to_rgb(background)
    return "#111217" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.45 else "#ffffff"
