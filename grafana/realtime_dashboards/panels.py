"""The four kinds of panels. Each has a title, a description, a unit and somewhere to go on to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus as ask
from grafana_foundation_sdk.models import common as form
from grafana_foundation_sdk.models import dashboard as model

from realtime_dashboards import looks
from realtime_dashboards.looks import Level

DATASOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
# A state timeline names its rows on the left, and says the states in their colours.
NO_LEGEND: Final = common.VizLegendOptions().show_legend(False).display_mode(form.LegendDisplayMode.HIDDEN)

Panel = stat.Panel | timeseries.Panel | bargauge.Panel | statetimeline.Panel
Kind = TypeVar("Kind", stat.Panel, timeseries.Panel, bargauge.Panel, statetimeline.Panel)


@dataclass(frozen=True)
class Query:
    """One question to Prometheus; `colour` where the answer has a meaning of its own."""

    expression: str
    legend: str = ""
    colour: str | None = None


@dataclass(frozen=True)
class Link:
    """Where to go on from a panel: another dashboard (`to`), or a page of docs/."""

    title: str
    to: str

    def build(self) -> build.DashboardLink:
        """Keep what is chosen and the time that is shown on the way to another dashboard."""
        is_page = self.to.endswith(".md")
        url = f"${{docs}}/{self.to}" if is_page else f"/d/{self.to}?${{__url_time_range}}&${{__all_variables}}"
        return build.DashboardLink(self.title).type(model.DashboardLinkType.LINK).url(url).target_blank(is_page)


def runbook(alert: str) -> Link:
    """What to do when that alert fires; it is what to do when the panel is red."""
    return Link(f"Runbook: {alert}", f"runbooks/{alert}.md")


def number(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    links: Sequence[Link],
    levels: Sequence[Level] | None = None,
    meaning: dict[int, tuple[str, str]] | None = None,
    decimals: int | None = None,
    without: str = "no data",
    width: int = 4,
    height: int = 4,
) -> stat.Panel:
    """A number now, its colour the judgement, its past as a line below; `without` is said where there is none."""
    panel = (
        _panel(stat.Panel(), title, about, queries, unit, links, decimals)
        .span(width)
        .height(height)
        .thresholds(looks.thresholds(levels or looks.neutral()))
        .color_scheme(looks.by_level())
        .no_value(without)
        .color_mode(form.BigValueColorMode.BACKGROUND_SOLID if meaning else form.BigValueColorMode.VALUE)
        .graph_mode(form.BigValueGraphMode.NONE if meaning else form.BigValueGraphMode.AREA)
        .text_mode(form.BigValueTextMode.VALUE_AND_NAME if meaning else form.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return panel.mappings(looks.words(meaning)) if meaning else panel


def graph(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    links: Sequence[Link],
    levels: Sequence[Level] | None = None,
    colour: str = looks.BLUE,
    stacked: bool = False,
    hides_zeros: bool = False,
    most: float | None = None,
    width: int = 12,
    height: int = 8,
) -> timeseries.Panel:
    """Lines over time. `levels` are drawn as dashed lines; `most` is how far the axis reaches at least.

    `hides_zeros` leaves those out of the legend that were 0 all the time: of twenty reasons, the two that occur.
    """
    panel = (
        _panel(timeseries.Panel(), title, about, queries, unit, links)
        .span(width)
        .height(height)
        .color_scheme(looks.shades(colour))
        .line_width(2 if not stacked else 1)
        .fill_opacity(40 if stacked else 8)
        .show_points(form.VisibilityMode.NEVER)
        .min(0)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(form.TooltipDisplayMode.MULTI).sort(form.SortOrder.DESCENDING))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(form.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel = panel.axis_soft_max(most)
    if levels is not None:
        panel = panel.thresholds(looks.thresholds(levels)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(form.GraphTresholdsStyleMode.DASHED)
        )
    if hides_zeros:
        panel = panel.with_override(
            model.MatcherConfig(id_val="byValue", options={"reducer": "allIsZero", "op": "gte", "value": 0}),
            [model.DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": True, "viz": False})],
        )
    for place, query in enumerate(queries):
        if query.colour is not None:
            panel = panel.override_by_query(
                _ref(place), [model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": query.colour})]
            )
    return panel


def bars(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    links: Sequence[Link],
    levels: Sequence[Level],
    most: float | None = None,
    without: str = "no data",
    width: int = 12,
    height: int = 8,
) -> bargauge.Panel:
    """A bar for each series now, its colour the judgement: who is fullest."""
    panel = (
        _panel(bargauge.Panel(), title, about, queries, unit, links)
        .span(width)
        .height(height)
        .min(0)
        .no_value(without)
        .thresholds(looks.thresholds(levels))
        .color_scheme(looks.by_level())
        .display_mode(form.BarGaugeDisplayMode.BASIC)
        .orientation(form.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return panel.max(most) if most is not None else panel


def states(
    title: str,
    about: str,
    *queries: Query,
    meaning: dict[int, tuple[str, str]],
    links: Sequence[Link],
    width: int = 12,
    height: int = 8,
) -> statetimeline.Panel:
    """What each thing was at each moment, as a band in the state's colour."""
    return (
        _panel(statetimeline.Panel(), title, about, queries, looks.SHORT, links)
        .span(width)
        .height(height)
        .mappings(looks.words(meaning))
        .thresholds(looks.thresholds([(None, looks.GREEN)]))
        .color_scheme(looks.by_level())
        .merge_values(True)
        .show_value(form.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(NO_LEGEND)
    )


def _panel(
    panel: Kind,
    title: str,
    about: str,
    queries: Sequence[Query],
    unit: str,
    links: Sequence[Link],
    decimals: int | None = None,
) -> Kind:
    assert queries, title
    assert links, title
    panel.title(title).description(about).datasource(DATASOURCE).unit(unit).links([link.build() for link in links])
    if decimals is not None:
        panel.decimals(decimals)
    for place, query in enumerate(queries):
        panel.with_target(
            ask.Dataquery()
            .expr(query.expression)
            .legend_format(query.legend)
            .ref_id(_ref(place))
            .range()
            .datasource(DATASOURCE)
        )
    return panel


def _legend() -> Any:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(form.LegendDisplayMode.LIST)
        .placement(form.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull"])
    )


def _ref(place: int) -> str:
    return "ABCDEFGH"[place]
