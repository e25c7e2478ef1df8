"""Dashboards as pictures, from a Prometheus's answers: for those who have no Grafana at hand, and for CI.

What is drawn is the JSON that Grafana reads: its places, titles, units, colours, thresholds and legends.
"""

import json
from pathlib import Path

from realtime_dashboards.pictures.answers import Answers, ask
from realtime_dashboards.pictures.drawing import draw

__all__ = ["Answers", "ask", "draw", "draw_all"]


def draw_all(prometheus: str, start: float, end: float, folder: Path) -> None:
    """Draw each dashboard of `grafana/dashboards` as it looks from `start` to `end` (seconds since 1970)."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((Path(__file__).parents[2] / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        draw(dashboard, ask(prometheus, dashboard, start, end), folder / f"{path.stem}.png")
