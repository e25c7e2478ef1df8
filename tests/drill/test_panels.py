"""What the dashboards ask, as Grafana would ask it."""

from pathlib import Path

import pytest
from promql_parser import parse

from drill.__main__ import DASHBOARDS
from drill.expectations import EXPECTED
from drill.faults import FAULTS, HOLD_SECONDS
from drill.panels import load_panels, read_panels

DASHBOARD = {
    "uid": "realtime-redis",
    "templating": {
        "list": [
            {"type": "datasource", "name": "datasource", "query": "prometheus"},
            {"type": "query", "name": "pod", "query": "label_values(up, pod)", "current": {"value": "$__all"}},
            {"type": "textbox", "name": "price", "query": "0.04"},
        ]
    },
    "panels": [
        {"type": "row", "title": "A row", "panels": [{"type": "stat", "title": "In", "targets": [{"expr": "up"}]}]},
        {"type": "text", "title": "Words"},
        {
            "type": "timeseries",
            "title": "Twice",
            "targets": [{"expr": 'rate(x{pod=~"$pod"}[$__rate_interval]) * $price'}, {"expr": "y[${__range}]"}],
            "fieldConfig": {"defaults": {"thresholds": {"steps": [{"value": None}, {"value": 3}]}}},
        },
        {"type": "timeseries", "title": "Twice", "targets": [{"expr": "z"}]},
    ],
}


def test_all_panels_with_queries_are_read_with_their_variables_filled_in() -> None:
    first, second, third = read_panels(DASHBOARD, scrape_seconds=2)
    assert (first.name, second.name, third.name) == ("redis: In", "redis: Twice", "redis: Twice (2)")
    assert second.queries == ('rate(x{pod=~".*"}[8000ms]) * 0.04', "y[5m]")
    assert (first.thresholds, second.thresholds) == ((), (3.0,))


def test_a_variable_that_nobody_declared_is_an_error_of_the_dashboard() -> None:
    wrong = DASHBOARD | {"panels": [{"type": "stat", "title": "x", "targets": [{"expr": "a{b='$gone'}"}]}]}
    with pytest.raises(KeyError, match="gone"):
        list(read_panels(wrong, scrape_seconds=2))


def test_a_directory_without_dashboards_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no dashboards"):
        load_panels(tmp_path, 2)


def test_every_query_of_the_dashboards_can_be_asked() -> None:
    for panel in load_panels(DASHBOARDS, scrape_seconds=2):
        for query in panel.queries:
            parse(query)


def test_the_panels_that_must_tell_exist() -> None:
    names = {panel.name for panel in load_panels(DASHBOARDS, scrape_seconds=2)}
    expected = {panel.name for expectations in EXPECTED.values() for panel in expectations.panels}
    assert expected - names == set()


def test_every_fault_has_somebody_who_must_tell() -> None:
    assert set(FAULTS) == set(EXPECTED) == set(HOLD_SECONDS)
    assert all(expectations.alerts and expectations.panels for expectations in EXPECTED.values())
