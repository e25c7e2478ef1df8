"""A metric that a page, a dashboard or an alert names exists, with all labels that they go by."""

import re
from pathlib import Path

import pytest

from realtime.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
# Whatever of these is there.
READ = ("README.md", "CHANGELOG.md", "docs", "grafana", "deploy", "loadtest")
KINDS = {".md", ".py", ".json", ".yaml", ".yml", ".tpl"}
# Not what a rule records (`realtime:...`), not a part of a path, and not a family such as `realtime_kafka_*`.
NAMED = re.compile(r"(?<![\w:./-])realtime_[a-z0-9_]*[a-z0-9](?![\w:*]|\.[a-z])")
# Words that look like metrics and are none; the last is what prometheus-adapter makes of one.
OTHER_WORDS = {"realtime_dashboards", "realtime_deploy", "realtime_service", "realtime_kafka_lag_records"}
SELECTED = re.compile(r"\b(realtime_[a-z0-9_]+)\{([^{}]*)\}")
LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*[\"'\\]")
# What a scrape adds, and what Prometheus itself has.
FROM_THE_SCRAPE = {"cluster", "namespace", "pod", "instance", "job", "le"}


def series() -> dict[str, set[str]]:
    """Every series that a pod may tell -> its labels."""
    metrics, found = Metrics(), {}
    for metric in vars(metrics).values():
        for family in [] if metric is metrics.registry else metric.collect():
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            labels = set(getattr(metric, "_labelnames", ()))
            found |= {family.name + ending: labels for ending in endings}
            if family.type == "histogram":
                found[family.name] = labels  # as prose calls it
    return found


def texts() -> dict[str, str]:
    """Path -> content, of all that may name a metric."""
    roots = [ROOT / name for name in READ]
    paths = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*")))]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in KINDS and path.is_file() and "results" not in path.parts
    }


SERIES, TEXTS = series(), texts()
NAMING = [path for path, text in TEXTS.items() if NAMED.search(text)]


def unknown(text: str) -> set[str]:
    return set(NAMED.findall(text)) - SERIES.keys() - OTHER_WORDS


def test_there_is_something_to_look_at() -> None:
    assert len(SERIES) > 60
    assert any("realtime_deliveries_total" in text for text in TEXTS.values())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sum(rate(realtime_delivered_total[5m]))", {"realtime_delivered_total"}),
        ("`realtime_delivery_seconds`", {"realtime_delivery_seconds"}),
        ('"realtime_nothing_bytes"', {"realtime_nothing_bytes"}),
        ("realtime_delivery_latency_seconds_bucket / realtime_deliveries_total", set()),
        ("realtime:delivery:ratio_rate5m", set()),
        ("all of `realtime_kafka_*`, and realtime_app.py", set()),
    ],
)
def test_a_metric_that_does_not_exist_is_found(text: str, names: set[str]) -> None:
    assert unknown(text) == names


@pytest.mark.parametrize("path", NAMING)
def test_every_metric_that_is_named_exists(path: str) -> None:
    assert unknown(TEXTS[path]) == set()


@pytest.mark.parametrize("path", NAMING)
def test_every_label_that_is_selected_by_exists(path: str) -> None:
    wrong = {
        f"{name}{{{label}}}"
        for name, selector in SELECTED.findall(TEXTS[path])
        for label in LABEL.findall(selector)
        if label not in SERIES.get(name, set()) | FROM_THE_SCRAPE
    }
    assert wrong == set()
