"""What prometheus-adapter asks Prometheus, by the rules in the chart's `extras`: its templates, filled in as it does.

The adapter itself does it in tests/cluster/test_scaling.py.
"""

import re
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).parents[2] / "deploy/helm/realtime/extras/prometheus-adapter.yaml"


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """The rules of a kind, `custom` or `external`, by the name that the metric has in Kubernetes."""
    return {rule["name"]["as"]: rule for rule in yaml.safe_load(VALUES.read_text())["rules"][kind]}


def of_pods(metric: str, namespace: str, pods: list[str]) -> str:
    """The query for one metric of these pods."""
    matchers = f'namespace="{namespace}",pod=~"{"|".join(pods)}"'
    return _filled(rules("custom")[metric], {"GroupBy": "pod", "LabelMatchers": matchers}, {})


def external(metric: str, namespace: str, labels: dict[str, str]) -> str:
    """The query for an external metric; `labels` are those of the autoscaler's selector."""
    return _filled(rules("external")[metric], {}, labels | {"namespace": namespace})


def _filled(rule: dict[str, Any], arguments: dict[str, str], labels: dict[str, str]) -> str:
    """Fill in the template; what is not known there is an error."""
    arguments = arguments | {"Series": re.match(r"\w+", rule["seriesQuery"])[0]}  # type: ignore[index]

    def fill(found: re.Match[str]) -> str:
        label = re.fullmatch(r'index \.LabelValuesByName "(\w+)"', found[1])
        return labels[label[1]] if label else arguments[found[1].removeprefix(".")]

    return re.sub("<<(.+?)>>", fill, rule["metricsQuery"])
