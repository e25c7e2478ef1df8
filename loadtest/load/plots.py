"""The pictures of a run: who was connected, what they heard, how late, and what it cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from load.progress import ENTRY, rates
from load.stage import Lived
from observe import plots
from swarm.timeline import Timeline

BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, GREY, BLACK = plots.COLOURS
PERCENTILES: Final = (("p50_ms", "p50", SKY), ("p95_ms", "p95", BLUE), ("p99_ms", "p99", VERMILION))
# A rate of one second alone is mostly noise: Locust's workers report once a second.
RATE_SECONDS: Final = 3
# Samples are a second apart.
NEAR_SECONDS: Final = 1.0
LOG_STEPS: Final = (1.0, 2.0, 5.0)
MB: Final = 1_000_000
# What is not a pod.
BESIDE: Final = {"haproxy": GREY, "Redis": PINK, "Kafka": ORANGE, "Locust": BLACK}
POD_COLOURS: Final = (BLUE, GREEN, SKY, ORANGE, PINK, VERMILION)

Points = Sequence[tuple[float, float]]


def draw_all(where: Path, lived: Lived) -> list[str]:
    """Draw a run into PNG files in a directory; return their names, in the order in which they are to be read."""
    drawn = {"connections.png": _connections, "throughput.png": _throughput, "latency.png": _latency}
    if any(lived.tracks.cores.values()):
        drawn["pods.png"] = _pods
    for name, draw in drawn.items():
        draw(where / name, lived)
    return list(drawn)


def _connections(path: Path, lived: Lived) -> None:
    seconds = lived.timeline.seconds
    figure, (panel,) = plots.figure(1)
    figure.set_size_inches(12, 3.8)
    pods = {name: points for name, points in lived.tracks.connections.items() if points}
    times = [0.0, *(one.seconds for one in seconds)]
    if pods:
        heights = [[_near(points, at) for at in times] for points in pods.values()]
        labels = [f"on {name}" for name in pods]
        panel.stackplot(times, heights, labels=labels, colors=POD_COLOURS, alpha=0.4, linewidth=0)
    wanted = [one.wanted for one in seconds]
    panel.plot(times, [wanted[0], *wanted], color=GREY, linestyle="--", label="wanted")
    panel.plot(times, [0, *(one.connected for one in seconds)], color=BLACK, linewidth=1.8, label="connected")
    panel.set_title("Connections")
    panel.set_ylabel("people with a session")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(panel, lived)
    _legend(panel)
    plots.save(figure, path)


def _throughput(path: Path, lived: Lived) -> None:
    figure, panels = plots.figure(1, 2)
    for panel, what, colour, title in (
        (panels[0], "deliveries", BLUE, "Messages delivered to people"),
        (panels[1], "events", GREEN, "Events taken by Kafka"),
    ):
        points = rates(lived.timeline.seconds, what, RATE_SECONDS)
        _lines(panel, points, colour, "")
        times, values = [at for at, _ in points], [value for _, value in points]
        panel.fill_between(times, values, color=colour, alpha=0.15, linewidth=0)
        panel.set_title(title)
        panel.set_ylabel("a second")
        _finish(panel, lived)
    plots.save(figure, path)


def _latency(path: Path, lived: Lived) -> None:
    figure, panels = plots.figure(1, 2)
    for panel, entry, title in (
        (panels[0], ENTRY, "Lateness of order:updated, from Kafka's timestamp"),
        (panels[1], "connect", "Time to connect, token and all"),
    ):
        for field, label, colour in PERCENTILES:
            _lines(panel, _percentile(lived.timeline, entry, field), colour, label)
        panel.set_title(title)
        panel.set_ylabel("ms (logarithmic)")
        if panel.lines:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=LOG_STEPS))
            panel.yaxis.set_minor_locator(NullLocator())
        _limits(panel, lived, entry)
        _finish(panel, lived, begins_at_zero=False)
        _legend(panel)
    plots.save(figure, path)


def _pods(path: Path, lived: Lived) -> None:
    figure, panels = plots.figure(1, 2)
    tracks = lived.tracks
    pods = dict(zip(tracks.connections, POD_COLOURS * len(tracks.connections), strict=False))
    for name, colour in {**pods, **BESIDE}.items():
        style = "-" if name in pods else ":"
        _lines(panels[0], tracks.cores.get(name, ()), colour, name, linestyle=style, linewidth=1.4)
        if name != "Kafka":  # a JVM would press all others to the ground; the table has it
            memory = [(at, value / MB) for at, value in tracks.resident_bytes.get(name, ())]
            _lines(panels[1], memory, colour, name, linestyle=style, linewidth=1.4)
    for panel, title, unit in ((panels[0], "Processor time", "cores"), (panels[1], "Resident memory", "MB")):
        panel.set_title(title)
        panel.set_ylabel(unit)
        _finish(panel, lived)
        _legend(panel)
    plots.save(figure, path)


def _lines(panel: Axes, points: Points, colour: str, label: str, **style: Any) -> None:
    """A line, broken where more than two samples are missing: there was nothing to sample."""
    label = label or "_"
    for piece in _pieces(points):
        panel.plot([at for at, _ in piece], [value for _, value in piece], color=colour, label=label, **style)
        label = "_"  # once in the legend


def _near(points: Points, at: float) -> float:
    """What was sampled nearest to that time; 0 where nothing was: the pod was away."""
    nearest = min(points, key=lambda point: abs(point[0] - at))
    return nearest[1] if abs(nearest[0] - at) <= NEAR_SECONDS else 0.0


def _pieces(points: Points, gap_seconds: float = 3.5) -> list[Points]:
    cuts = [n for n in range(1, len(points)) if points[n][0] - points[n - 1][0] > gap_seconds]
    return [points[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(points)], strict=True) if end > begin]


def _percentile(timeline: Timeline, entry: str, field: str) -> list[tuple[float, float]]:
    told = [(second.seconds, second.entries.get(entry)) for second in timeline.seconds]
    return [(at, max(value, 1.0)) for at, one in told if one is not None and (value := getattr(one, field)) is not None]


def _limits(panel: Axes, lived: Lived, entry: str) -> None:
    """What the thresholds allow, where a line comes near to it."""
    summary = lived.timeline.summary
    for judged in summary.thresholds if summary is not None else ():
        for field, label, colour in PERCENTILES:
            if judged.name == entry and judged.limit == f"{field}_max":
                panel.axhline(judged.allowed, color=colour, linestyle="--", linewidth=1, label=f"{label} allowed")


def _finish(panel: Axes, lived: Lived, *, begins_at_zero: bool = True) -> None:
    """Time below, and the phases of the shape above."""
    end = max((second.seconds for second in lived.timeline.seconds), default=1.0)
    panel.set_xlim(0, end)
    panel.set_xlabel("seconds")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    if begins_at_zero:
        panel.set_ylim(bottom=0, top=max(panel.get_ylim()[1], 1e-9) * 1.08)
    for at, what in lived.marks:
        if what.endswith(" leaves"):
            panel.axvline(at, color="#bbbbbb", linewidth=0.8, linestyle=":")
    phases = lived.timeline.phases
    if len(phases) > 1:  # their names stand between
        panel.set_title(panel.get_title(), pad=18)
    for number, (at, phase) in enumerate(phases):
        if number:
            panel.axvline(at, color="#666666", linewidth=0.9)
        if len(phases) > 1:
            panel.annotate(
                phase,
                (0 if number == 0 else at, 1),
                xycoords=("data", "axes fraction"),
                xytext=(2, 3),
                textcoords="offset points",
                va="bottom",
                annotation_clip=False,
                fontsize=8,
                color="#444444",
            )


def _legend(panel: Axes) -> None:
    if panel.get_legend_handles_labels()[0]:
        panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
