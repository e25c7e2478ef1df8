"""The pictures of a run: bars for each server, with the spread of the repetitions as a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.measurements import Measurements
from bench.processes import FLOOR, NODE, OURS, STOCK

NAMES = {OURS: "ours", NODE: "Node socket.io", STOCK: "stock python-socketio", FLOOR: "floor (C, send() alone)"}
# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = {OURS: "#0072B2", NODE: "#009E73", STOCK: "#D55E00", FLOOR: "#999999"}
TICK_COLOURS = ("#9ecae1", "#4292c6", "#08519c")
GROUP_WIDTH = 0.8
PICTURE_DPI = 150
PANEL_HEIGHT_INCHES = 4.4
# What the axis begins below, on a logarithmic scale: bars stand on something.
LOG_ROOM = 0.5
LOG_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Panel:
    """One diagram: groups of bars, one bar for each server that was measured."""

    title: str
    unit: str
    groups: Sequence[tuple[str, str]]  # label, metric's id
    is_logarithmic: bool = False


PICTURES: dict[str, Sequence[Panel]] = {
    "handshakes": (
        Panel("Handshakes\n(token verified, room joined)", "connections/s", [("", "handshakes/rate")]),
        Panel("Connect storm\nbeside live traffic", "connections/s", [("", "storm/rate")]),
        Panel("Latency p99 of the live\ntraffic in the storm", "ms", [("", "storm/p99")], is_logarithmic=True),
    ),
    "memory": (
        Panel(
            "Memory of an idle connection\n(identity, two rooms)",
            "KB",
            [("5,000\nconnections", "memory/5000"), ("15,000\nconnections", "memory/15000")],
        ),
        Panel(
            "All leave at once:\nthe server's processor time",
            "s",
            [("5,000\nleave", "leaving/5000/cpu"), ("15,000\nleave", "leaving/15000/cpu")],
            is_logarithmic=True,
        ),
        Panel(
            "All leave at once: longest stall\nthat one who stays feels",
            "ms",
            [("5,000\nleave", "leaving/5000/stall"), ("15,000\nleave", "leaving/15000/stall")],
            is_logarithmic=True,
        ),
    ),
    "latency": (
        Panel(
            "Latency: 1,000 sockets, one message every 75 ms",
            "ms",
            [("p50", "latency/p50"), ("p99", "latency/p99"), ("p99.9", "latency/p999")],
            is_logarithmic=True,
        ),
    ),
    "pods": (
        Panel(
            "Two pods over Redis:\nthe receiving pod's CPU",
            "us per delivery",
            [("k=1", "pods/1/cpu"), ("k=16", "pods/16/cpu")],
            is_logarithmic=True,
        ),
        Panel("A pod without members:\nits CPU", "us per message", [("", "pods/memberless")]),
    ),
    "events": (
        Panel(
            "Events through Redis, one pod to another",
            "events/s",
            [
                ("one at\na time", "events/single/rate"),
                ("100\nat once", "events/concurrent/rate"),
                ("100 in\none call", "events/batch/rate"),
            ],
            is_logarithmic=True,
        ),
        Panel("Kafka records to one-user\nrooms, on one core", "records/s", [("", "kafka/rate")]),
    ),
}


def draw_all(where: Path, measurements: Measurements) -> list[str]:
    """Draw what was measured into PNG files in a directory; return their names."""
    with plt.rc_context(
        {
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "grid.color": "#e0e0e0",
        }
    ):
        drawn = [_draw_fanout(where, measurements), _draw_fanout_ratios(where, measurements)]
        drawn += [_draw_panels(where, name, panels, measurements) for name, panels in PICTURES.items()]
        plt.close("all")
    return [name for name in drawn if name is not None]


def _draw_panels(where: Path, name: str, panels: Sequence[Panel], measurements: Measurements) -> str | None:
    measured = [panel for panel in panels if _servers(measurements, [metric for _, metric in panel.groups])]
    if not measured:
        return None
    widths = [1.2 + len(_groups(panel, measurements)) for panel in measured]
    figure, axes = plt.subplots(
        1,
        len(measured),
        figsize=(max(6.0, 1.65 * sum(widths)), PANEL_HEIGHT_INCHES),
        width_ratios=widths,
        squeeze=False,
        layout="constrained",
    )
    for one, panel in zip(axes[0], measured, strict=True):
        _draw_bars(one, panel, measurements)
    shown = {server for panel in measured for server in _servers(measurements, [metric for _, metric in panel.groups])}
    return _save(figure, where, name, [server for server in NAMES if server in shown])


def _draw_bars(axes: Axes, panel: Panel, measurements: Measurements) -> None:
    groups = _groups(panel, measurements)
    servers = _servers(measurements, [metric for _, metric in groups])
    width = GROUP_WIDTH / len(servers)
    lowest = highest = 0.0
    for place, server in enumerate(servers):
        for group, (_, metric) in enumerate(groups):
            summary = measurements.summary(metric, server)
            if summary is None:
                continue
            x = group + (place - (len(servers) - 1) / 2) * width
            spread = [[summary.median - summary.lowest], [summary.highest - summary.median]]
            axes.bar(x, summary.median, 0.92 * width, color=COLOURS[server])
            if summary.repetitions > 1:
                axes.errorbar(x, summary.median, spread, color="#444444", capsize=3)
            axes.annotate(
                _short(summary.median),
                (x, summary.highest),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
            lowest = min(filter(None, (lowest, summary.median)), default=0.0)
            highest = max(highest, summary.highest)
    axes.set_title(panel.title)
    axes.set_ylabel(panel.unit + (" (logarithmic)" if panel.is_logarithmic else ""))
    axes.set_xticks(range(len(groups)), [label for label, _ in groups])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    if panel.is_logarithmic and lowest > 0:
        axes.set_yscale("log")
        axes.set_ylim(lowest * LOG_ROOM, highest * 2)
        axes.yaxis.set_major_locator(LogLocator(subs=LOG_STEPS))
    else:
        axes.set_ylim(0, (highest or 1) * 1.12)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.yaxis.set_minor_locator(NullLocator())


def _draw_fanout(where: Path, measurements: Measurements) -> str | None:
    sockets, ticks = _fanout_measured(measurements)
    if not sockets:
        return None
    figure, axes = plt.subplots(
        1, len(ticks), figsize=(4.2 * len(ticks), PANEL_HEIGHT_INCHES), sharey=True, squeeze=False, layout="constrained"
    )
    shown = []
    for one, per_tick in zip(axes[0], ticks, strict=True):
        for server in NAMES:
            points = [(n, measurements.summary(f"fanout/{n}/{per_tick}/rate", server)) for n in sockets]
            known = [(n, summary) for n, summary in points if summary is not None]
            if known:
                shown.append(server)
                medians = [summary.median for _, summary in known]
                spread = [
                    [summary.median - summary.lowest for _, summary in known],
                    [summary.highest - summary.median for _, summary in known],
                ]
                one.errorbar(
                    [n for n, _ in known], medians, spread, color=COLOURS[server], marker="o", markersize=4, capsize=3
                )
        one.set_xscale("log")
        one.set_yscale("log")
        one.set_xticks(sockets, [f"{n:,}" for n in sockets])
        one.xaxis.set_minor_locator(NullLocator())
        one.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        one.set_title(f"{per_tick} emit{'s' if per_tick > 1 else ''} per turn of the event loop")
        one.set_xlabel("sockets in the room")
    axes[0][0].set_ylabel("deliveries/s on one core (logarithmic)")
    return _save(figure, where, "fanout", [server for server in NAMES if server in shown])


def _draw_fanout_ratios(where: Path, measurements: Measurements) -> str | None:
    sockets, ticks = _fanout_measured(measurements)
    ratios = {
        (n, k): ratio
        for n in sockets
        for k in ticks
        if (ratio := measurements.ratio(f"fanout/{n}/{k}/rate", OURS, NODE)) is not None
    }
    if not ratios:
        return None
    figure, axes = plt.subplots(figsize=(8.4, PANEL_HEIGHT_INCHES), layout="constrained")
    width = GROUP_WIDTH / len(ticks)
    for place, per_tick in enumerate(ticks):
        label = f"{per_tick} emit{'s' if per_tick > 1 else ''} per turn"
        for group, n in enumerate(sockets):
            ratio = ratios.get((n, per_tick))
            if ratio is None:
                continue
            x = group + (place - (len(ticks) - 1) / 2) * width
            # From 1: better stands up, worse hangs down.
            colour = TICK_COLOURS[-len(ticks) :][place]
            axes.bar(x, ratio.value - 1, 0.92 * width, bottom=1, color=colour, label=label)
            label = "_"  # once in the legend
            text = f"{ratio.value:.2g}" + (" noise" if ratio.is_noise else "")
            is_up = ratio.value >= 1
            axes.annotate(
                text,
                (x, ratio.value),
                xytext=(0, 3 if is_up else -3),
                textcoords="offset points",
                ha="center",
                va="bottom" if is_up else "top",
                fontsize=8,
            )
    axes.axhline(1, color="#444444", linewidth=1)
    axes.set_yscale("log")
    values = [ratio.value for ratio in ratios.values()]
    axes.set_ylim(min(0.5, *values) * 0.8, max(2.0, *values) * 1.6)
    axes.yaxis.set_major_locator(LogLocator(subs=LOG_STEPS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} x"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(range(len(sockets)), [f"{n:,}" for n in sockets])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("sockets in the room")
    axes.set_ylabel("ours / Node socket.io (logarithmic)")
    axes.set_title("Fan-out: deliveries/s of ours to those of Node's socket.io")
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(where / "fanout-ratios.png", dpi=PICTURE_DPI)
    return "fanout-ratios.png"


def _fanout_measured(measurements: Measurements) -> tuple[list[int], list[int]]:
    parts = [metric.split("/") for metric in measurements.metrics if metric.startswith("fanout/")]
    return sorted({int(part[1]) for part in parts}), sorted({int(part[2]) for part in parts})


def _groups(panel: Panel, measurements: Measurements) -> list[tuple[str, str]]:
    return [(label, metric) for label, metric in panel.groups if metric in measurements.metrics]


def _servers(measurements: Measurements, metrics: Sequence[str]) -> list[str]:
    return [server for server in NAMES if any(measurements.summary(metric, server) for metric in metrics)]


def _save(figure: Figure, where: Path, name: str, servers: Sequence[str]) -> str:
    handles = [Rectangle((0, 0), 1, 1, color=COLOURS[server]) for server in servers]
    labels = [NAMES[server] for server in servers]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(servers), frameon=False)
    figure.savefig(where / f"{name}.png", dpi=PICTURE_DPI)
    return f"{name}.png"


def _short(value: float) -> str:
    for divisor, unit in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= divisor:
            return f"{value / divisor:.3g}{unit}"
    return f"{value:.3g}"
