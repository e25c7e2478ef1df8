"""What the rules make of series that a test writes down: `promtool test rules`, one case at a time."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from parts.needs import need

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules.yaml"
PLACE = {"cluster": "east", "namespace": "shop"}


@dataclass(frozen=True)
class Case:
    """A story of series, and what one alert says to it: silent at `not_yet`, firing `now`, silent again when `gone`.

    Without `now` it is silent at all of `not_yet`. Series are written as promtool has them (`0+5x10`: from 0 ten steps up
    by 5; `_`: no sample), with `interval` between two values; cluster and namespace are added. `labels` are those that
    the alert has beside them and its severity; an empty one is not there. What it says is in `told.yaml`.
    """

    alert: str
    story: str
    series: Mapping[str, str]
    severity: str = "page"
    interval: str = "10s"
    not_yet: Sequence[str] = ()
    now: str | None = None
    gone: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.alert}-{self.severity}: {self.story}"


@cache
def groups() -> list[dict[str, Any]]:
    """The groups of rules, in their order."""
    return list(yaml.safe_load(RULES.read_text())["groups"])


@cache
def told() -> dict[str, dict[str, str]]:
    """What operators read in each case that makes an alert fire."""
    return dict(yaml.safe_load((Path(__file__).parent / "told.yaml").read_text()))


def alerts() -> list[dict[str, Any]]:
    """All alerting rules."""
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def find(alert: str, severity: str) -> dict[str, Any]:
    """One alerting rule; names may come twice, severities of a name do not."""
    (rule,) = (rule for rule in alerts() if (rule["alert"], rule["labels"]["severity"]) == (alert, severity))
    return rule


def document(case: Case, directory: Path) -> Path:
    """Write the case as promtool reads it, over rules of which only this severity of the alert is left."""
    rules = directory / "rules.json"
    wanted = find(case.alert, case.severity)
    rules.write_text(json.dumps({"groups": [_only(group, wanted) for group in groups()]}))
    silent = [*case.not_yet, *([case.gone] if case.gone else [])]
    tests = [{"eval_time": at, "alertname": case.alert, "exp_alerts": []} for at in silent]
    if case.now:
        tests.append({"eval_time": case.now, "alertname": case.alert, "exp_alerts": [_expected(case)]})
    return write(directory, rules, case.interval, case.series, {"alert_rule_test": tests})


def write(
    directory: Path, rules: Path, interval: str, series: Mapping[str, str], tests: Mapping[str, Sequence[Any]]
) -> Path:
    """Write what promtool reads: the rules are evaluated as often as there is a value."""
    content = {
        "rule_files": [str(rules)],
        "evaluation_interval": interval,
        "group_eval_order": [group["name"] for group in groups()],
        "tests": [
            {
                "interval": interval,
                "input_series": [{"series": placed(name), "values": values} for name, values in series.items()],
                **tests,
            }
        ],
    }
    path = directory / "case.json"
    path.write_text(json.dumps(content, indent=2))  # JSON is YAML, too
    return path


def test_rules(path: Path) -> str | None:
    """Run a document; None when all is as it says, else what promtool has to say."""
    ran = subprocess.run([need("promtool"), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return None if ran.returncode == 0 else ran.stdout + ran.stderr


test_rules.__test__ = False  # type: ignore[attr-defined] - pytest takes it for a test


def placed(series: str) -> str:
    """Add cluster and namespace to a series, where it does not name its own."""
    name, _, labels = series.partition("{")
    place = ", ".join(f'{label}="{value}"' for label, value in PLACE.items() if f'{label}="' not in labels)
    return f"{name}{{{place}{', ' if labels else ''}{labels or '}'}"


def _only(group: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The alert in question, for names come twice; and what it looks at, for some stories last for days."""
    needed = _recorded_for(wanted["expr"])
    return {
        "name": group["name"],
        "rules": [rule for rule in group["rules"] if rule == wanted or rule.get("record") in needed],
    }


def _recorded_for(expression: str) -> set[str]:
    recorded = {rule["record"]: rule["expr"] for group in groups() for rule in group["rules"] if "record" in rule}
    named = set(re.findall(r"realtime:[\w:]+", expression)) & recorded.keys()
    return named.union(*(_recorded_for(recorded[name]) for name in named))


def _expected(case: Case) -> dict[str, Any]:
    rule = find(case.alert, case.severity)
    links = {name: rule["annotations"][name] for name in ("runbook_url", "dashboard_url")}
    labels = {name: value for name, value in (PLACE | dict(case.labels)).items() if value}
    for name in PLACE:
        links["dashboard_url"] = links["dashboard_url"].replace(f"{{{{ $labels.{name} }}}}", labels.get(name, ""))
    return {
        "exp_labels": {"severity": case.severity, **labels},
        "exp_annotations": {**told().get(str(case), {}), **links},
    }
