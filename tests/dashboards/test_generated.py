"""The dashboards in the repository are those of the code, ask for what there is, and tell their readers where to go on."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.models import units

from realtime.telemetry.metrics import Metrics
from realtime_dashboards.__main__ import files
from realtime_dashboards.pictures.answers import written_out

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "grafana"
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
UIDS = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())
ALERTS = {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
# Not told by pods: Prometheus itself, and kube-state-metrics.
OTHERS = {
    "up",
    "ALERTS",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_spec_min_replicas",
    "kube_horizontalpodautoscaler_spec_target_metric",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_horizontalpodautoscaler_status_target_metric",
    "kube_pod_container_status_restarts_total",
}
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
COLOURS = {"blue", "green", "yellow", "orange", "red"}


def told_by_pods() -> set[str]:
    return {
        family.name + suffix for family in Metrics().registry.collect() for suffix in SUFFIXES.get(family.type, [""])
    }


def panels() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for dashboard in DASHBOARDS.values():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield dashboard, panel


def queries() -> Iterator[tuple[Mapping[str, Any], str]]:
    for dashboard, panel in panels():
        for target in panel["targets"]:
            yield dashboard, target["expr"]
    for dashboard in DASHBOARDS.values():
        for mark in dashboard["annotations"]["list"]:
            yield dashboard, mark["expr"]


def id_of(case: object) -> str:
    if isinstance(case, str):
        return case[:60]
    assert isinstance(case, Mapping)
    return str(case.get("title", ""))


def selectors(promql: str) -> Iterator[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(expression: promql_parser.Expr) -> bool:
        if isinstance(expression, promql_parser.VectorSelector):
            found.append(expression)
        elif isinstance(expression, promql_parser.MatrixSelector):
            found.append(expression.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(promql), visit)
    return iter(found)


def test_the_files_are_those_of_the_code() -> None:
    stored = {path.name: path.read_text() for path in (GRAFANA / "dashboards").glob("*.json")}
    assert stored == files(), "run `make dashboards`"


def test_there_are_six() -> None:
    assert [dashboard["title"] for dashboard in DASHBOARDS.values()] == [
        "Realtime / Capacity",
        "Realtime / Intake (Kafka)",
        "Realtime / Overview",
        "Realtime / Redis",
        "Realtime / Reliability",
        "Realtime / Sockets and rooms",
    ]


@pytest.mark.parametrize(("dashboard", "promql"), list(queries()), ids=id_of)
def test_a_query_asks_for_what_there_is_and_only_where_somebody_looks(
    dashboard: Mapping[str, Any], promql: str
) -> None:
    written = written_out(promql, dashboard, range_seconds=3_600, rate_seconds=60)
    assert "$" not in written
    asked = list(selectors(written))
    assert asked
    for selector in asked:
        assert selector.name in told_by_pods() | OTHERS
        chosen = {matcher.name for matcher in selector.matchers.matchers}
        assert {"cluster", "namespace"} <= chosen
        assert "pod" in chosen or selector.name in OTHERS - {"up"}


@pytest.mark.parametrize(("dashboard", "panel"), list(panels()), ids=id_of)
def test_a_panel_can_be_read_at_three_in_the_morning(dashboard: Mapping[str, Any], panel: Mapping[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["title"]) <= 45
    assert panel["description"].endswith("."), "it says what it is in sentences"
    defaults = panel["fieldConfig"]["defaults"]
    known = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}
    assert defaults["unit"] in known
    used = {step["color"] for step in defaults.get("thresholds", {}).get("steps", ())}
    assert used <= COLOURS
    if panel["type"] in {"stat", "bargauge"}:
        assert defaults["thresholds"]["steps"]
    if len(panel["targets"]) > 1:
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all(legends)
        assert len(set(legends)) == len(legends)


@pytest.mark.parametrize(("dashboard", "panel"), list(panels()), ids=id_of)
def test_a_panel_leads_on_to_what_there_is(dashboard: Mapping[str, Any], panel: Mapping[str, Any]) -> None:
    assert panel["links"]
    for link in panel["links"]:
        if page := re.fullmatch(r"\$\{docs\}/(.+)", link["url"]):
            # That each alert has a runbook, tests/alerts holds.
            runbook = re.fullmatch(r"runbooks/(\w+)\.md", page[1])
            assert runbook[1] in ALERTS if runbook else (ROOT / "docs" / page[1]).is_file(), link["url"]
        else:
            uid = re.match(r"/d/([\w-]+)\?\$\{__url_time_range\}&\$\{__all_variables\}$", link["url"])
            assert uid, link["url"]
            assert uid[1] in UIDS - {dashboard["uid"]}


@pytest.mark.parametrize("dashboard", list(DASHBOARDS.values()), ids=id_of)
def test_a_dashboard_lets_one_choose_and_shows_numbers_first(dashboard: Mapping[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert {"datasource", "cluster", "namespace", "pod"} <= variables.keys()
    for name in ("cluster", "namespace", "pod"):
        assert (variables[name]["multi"], variables[name]["includeAll"]) == (True, True)
    assert all(
        panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    )
    first, second, *_ = dashboard["panels"]
    assert (first["type"], second["type"]) == ("row", "stat")


@pytest.mark.parametrize("dashboard", list(DASHBOARDS.values()), ids=id_of)
def test_panels_do_not_overlap_and_six_at_most_share_a_line(dashboard: Mapping[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    lines = [place["y"] for place in places]
    assert max(lines.count(line) for line in lines) <= 6
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


def test_the_provisioning_is_what_grafana_reads() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["jsonData"]["httpMethod"]) == ("prometheus", "POST")
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())["scrape_configs"]
    (interval,) = [job["scrape_interval"] for job in scraped if job["job_name"] == "realtime"]
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/realtime.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert Path(provider["options"]["path"]).is_absolute()
