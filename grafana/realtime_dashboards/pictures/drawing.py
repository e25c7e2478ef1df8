"""A page: its head, and the panels where the dashboard has them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from realtime_dashboards.pictures import kinds, theme
from realtime_dashboards.pictures.answers import Answers
from realtime_dashboards.pictures.box import Box

COLUMNS: Final = 24
WIDTH: Final = 1_500.0
UNIT: Final = 34.0
HEAD: Final = 54.0
MARGIN: Final = 8.0
PIXELS_PER_INCH: Final = 100
KINDS: Final = {
    "stat": kinds.draw_number,
    "timeseries": kinds.draw_graph,
    "bargauge": kinds.draw_bars,
    "state-timeline": kinds.draw_states,
}


def draw(dashboard: Mapping[str, Any], answers: Answers, path: Path) -> None:
    """Draw a dashboard with everything chosen into a PNG."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = HEAD + rows * UNIT + MARGIN
    figure = Figure(
        figsize=(WIDTH / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH, facecolor=theme.CANVAS
    )
    FigureCanvasAgg(figure)
    page = Box(figure, 0, 0, WIDTH, height)
    _draw_head(page, dashboard, answers)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        unit = (WIDTH - MARGIN) / COLUMNS
        box = page.part(
            MARGIN + place["x"] * unit,
            HEAD + place["y"] * UNIT,
            place["w"] * unit - MARGIN,
            place["h"] * UNIT - MARGIN,
        )
        if panel["type"] == "row":
            box.text(2, box.height / 2 + 3, f"⌄  {panel['title']}", 12, theme.TEXT, weight="bold")
            continue
        _draw_frame(box)
        box.text(10, 15, panel["title"], 10.5, theme.TEXT)
        KINDS[panel["type"]](box.part(0, 28, box.width, box.height - 28), panel, answers)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=PIXELS_PER_INCH, facecolor=theme.CANVAS)
    # 256 colours are enough, and a third of the bytes.
    Image.open(drawn).convert("RGB").quantize(dither=Image.Dither.NONE).save(path, optimize=True)


def _draw_head(page: Box, dashboard: Mapping[str, Any], answers: Answers) -> None:
    page.text(MARGIN + 4, 20, dashboard["title"], 14, theme.TEXT, weight="bold")
    fields = [
        f"{variable.get('label', variable['name'])}: {'All' if variable.get('includeAll') else variable['query']}"
        for variable in dashboard["templating"]["list"]
        if variable["type"] not in {"constant", "datasource"}
    ]
    page.text(MARGIN + 4, 42, "     ".join(fields), 9, theme.FAINT)
    begin, end = (datetime.fromtimestamp(answers.times[place], tz=UTC) for place in (0, -1))
    page.text(page.width - MARGIN - 4, 20, f"{begin:%H:%M:%S} to {end:%H:%M:%S} UTC", 10, theme.FAINT, align="right")


def _draw_frame(box: Box) -> None:
    x, y, width, height = box.fractions()
    frame = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="square,pad=0",
        transform=box.figure.transFigure,
        facecolor=theme.PANEL,
        edgecolor=theme.BORDER,
        linewidth=0.8,
        zorder=0,
    )
    box.figure.patches.append(frame)
