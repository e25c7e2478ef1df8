"""That every alert is silent until it should be told, fires, and falls silent again; and that nothing fires of nothing."""

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest

from alerts import dependencies, events, objectives, pods_and_sockets
from alerts.promtool import RULES, Case, alerts, document, groups, told, write
from alerts.promtool import test_rules as failure_of
from alerts.series import pods
from parts.needs import need

CASES = [*objectives.CASES, *dependencies.CASES, *events.CASES, *pods_and_sockets.CASES]
SELECTOR = re.compile(r"\b((?:realtime|process|kube)_\w+|up)\b(?:\{([^}]*)\})?")
# Nor is anything pending.
NOTHING_FIRES = [{"eval_time": at, "expr": "ALERTS", "exp_samples": []} for at in ("0m", "1m", "10m", "20m", "40m")]


def test_prometheus_takes_the_rules() -> None:
    ran = subprocess.run([need("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_silent_fires_and_falls_silent(case: Case, tmp_path: Path) -> None:
    failure = failure_of(document(case, tmp_path))
    assert failure is None, failure


def test_each_alert_has_a_case_for_not_yet_now_and_gone() -> None:
    ours = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert {(case.alert, case.severity) for case in CASES if case.not_yet and case.now and case.gone} == ours
    assert told().keys() == {str(case) for case in CASES if case.now}


def test_nothing_fires_where_pods_do_nothing(tmp_path: Path) -> None:
    """All that rules look at is there and stands at 0; a certificate that is none has no series."""
    zeros: dict[str, str] = {}
    for rule in (rule for group in groups() for rule in group["rules"]):
        for metric, matchers in SELECTOR.findall(rule["expr"]):
            if metric not in {"up", "realtime_tls_certificate_expiry_timestamp_seconds"}:
                zeros |= {f"{metric}{{{labels}}}": "0x40" for labels in _each(matchers)}
    assert len(zeros) > 40
    series = {k: v for name, values in zeros.items() for k, v in pods(name.replace("{}", ""), values).items()}
    series |= pods('up{job="realtime"}', "1x40")
    failure = failure_of(write(tmp_path, RULES, "1m", series, {"promql_expr_test": NOTHING_FIRES}))
    assert failure is None, failure


def test_nothing_fires_where_pods_tell_nothing_yet(tmp_path: Path) -> None:
    series = pods('up{job="realtime"}', "1x40")
    failure = failure_of(write(tmp_path, RULES, "1m", series, {"promql_expr_test": NOTHING_FIRES}))
    assert failure is None, failure


def _each(matchers: str) -> list[str]:
    """Each combination of the values that matchers name, as labels."""
    named = [
        [f'{label}="{value}"' for value in values.split("|")]
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', matchers)
    ]
    return [", ".join(labels) for labels in product(*named)]
