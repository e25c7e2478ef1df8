"""What all dashboards have in common: what can be chosen at the top, the way to the others, and marks in graphs."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from realtime_dashboards.panels import DATASOURCE, Panel
from realtime_dashboards.queries import JOB, PODS, of

COLUMNS: Final = 24
TAG: Final = "realtime"
# `make dashboards DOCS_URL=...` says where an installation serves docs/.
DOCS_URL: Final = "https://docs.example.com/realtime"


class Page:
    """One dashboard, filled band by band: a heading, and panels from left to right, in as many lines as they take."""

    def __init__(self, uid: str, title: str, about: str, docs_url: str = DOCS_URL) -> None:
        self._next_id = 1
        self._y = 0
        self._docs_url = docs_url
        self._dashboard = (
            build.Dashboard(title)
            .uid(uid)
            .description(about)
            .tags([TAG])
            .readonly()
            .timezone("browser")
            .time("now-1h", "now")
            .refresh("30s")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .link(
                build.DashboardLink("Other dashboards")
                .type(model.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .include_vars(True)
                .keep_time(True)
            )
            .annotation(_marks("A pod starts", f"time() - {of('process_start_time_seconds')} < 60", "blue"))
            .annotation(_marks("A pod leaves", f"{of('realtime_draining')} == 1", "orange"))
        )
        self._choose()

    def band(self, heading: str, *panels: Panel) -> "Page":
        """Add a heading and its panels."""
        row = build.Row(heading).id(self._id()).grid_pos(model.GridPos(h=1, w=COLUMNS, x=0, y=self._y))
        self._dashboard.with_row(row)
        self._y += 1
        x = tallest = 0
        for panel in panels:
            size = panel.build().grid_pos
            assert size is not None
            if x + size.w > COLUMNS:
                x, self._y, tallest = 0, self._y + tallest, 0
            place = model.GridPos(h=size.h, w=size.w, x=x, y=self._y)
            self._dashboard.with_panel(panel.id(self._id()).grid_pos(place))
            x, tallest = x + size.w, max(tallest, size.h)
        self._y += tallest
        return self

    def text(self, name: str, label: str, default: str) -> "Page":
        """Add a field at the top that somebody may write into."""
        value = model.VariableOption(selected=True, text=default, value=default)
        self._dashboard.with_variable(build.TextBoxVariable(name).label(label).default_value(default).current(value))
        return self

    def build(self) -> model.Dashboard:
        """Return Grafana's form of it."""
        return self._dashboard.build()

    def _choose(self) -> None:
        self._dashboard.with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        up = f'up{{job="{JOB}"'
        scopes = {"cluster": "}", "namespace": ', cluster=~"$cluster"}', "pod": f", {PODS.rpartition(', pod')[0]}}}"}
        for name, scope in scopes.items():
            self._dashboard.with_variable(
                build.QueryVariable(name)
                .label(name.capitalize())
                .datasource(DATASOURCE)
                .query(f"label_values({up}{scope}, {name})")
                .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
                .sort(model.VariableSort.ALPHABETICAL_ASC)
                .multi(True)
                .include_all(True)
                # Also where a scrape gives no such label.
                .all_value(".*")
                .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
            )
        self._dashboard.with_variable(build.ConstantVariable("docs").value(self._docs_url))

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _marks(name: str, expression: str, colour: str) -> build.AnnotationQuery:
    return build.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(colour).expr(expression)
