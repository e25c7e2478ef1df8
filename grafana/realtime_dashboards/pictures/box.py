"""A rectangle of the picture, in pixels from its upper left corner."""

from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Box:
    """Where something is drawn; `x` and `y` are in the whole picture."""

    figure: Figure
    x: float
    y: float
    width: float
    height: float

    def part(self, x: float, y: float, width: float, height: float) -> "Box":
        """A rectangle in this one."""
        return Box(self.figure, self.x + x, self.y + y, width, height)

    def fractions(self) -> tuple[float, float, float, float]:
        """Left, bottom, width and height, as matplotlib has them."""
        whole_width, whole_height = (size * self.figure.dpi for size in self.figure.get_size_inches())
        return (
            self.x / whole_width,
            1 - (self.y + self.height) / whole_height,
            self.width / whole_width,
            self.height / whole_height,
        )

    def axes(self) -> Axes:
        """Something to draw on that fills it; without frame, ticks or background."""
        axes = self.figure.add_axes(self.fractions(), zorder=1)
        axes.set_facecolor("none")
        axes.set_axis_off()
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        points: float,
        colour: str,
        *,
        weight: str = "normal",
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """Write; `y` is the middle of the line."""
        whole_width, whole_height = (size * self.figure.dpi for size in self.figure.get_size_inches())
        self.figure.text(
            (self.x + x) / whole_width,
            1 - (self.y + y) / whole_height,
            text.replace("$", r"\$"),
            fontsize=points * 72 / self.figure.dpi * 1.2,
            color=colour,
            fontweight=weight,
            ha=align,
            va="center_baseline",
            zorder=5,
        )
