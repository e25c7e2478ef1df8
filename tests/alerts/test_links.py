"""That alerts lead somewhere: to runbooks and dashboards that are there, by metrics that pods have; and runbooks to commands that are."""

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import typer
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alerts.promtool import ROOT, alerts, groups
from realtime.__main__ import cli
from realtime.app import Pod
from realtime.broker.base import Gap
from realtime.errors import RealtimeError
from realtime.gateway.tokens import Rejection
from realtime.settings import AuthSettings, Settings
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.handshake import Problem

RUNBOOKS = ROOT / "docs/runbooks"
PAGES = sorted(page for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
DASHBOARDS = {page.stem for page in (ROOT / "grafana/dashboards").glob("*.json")}  # each is named after its uid
SECTIONS = ["Meaning", "Who is hurt", "Check", "Mitigate", "Cause", "Afterwards"]
# What others tell: Prometheus itself, and kube-state-metrics.
FOREIGN = {"up", "kube_pod_container_resource_limits"}
METRIC = re.compile(r"\b(?:realtime[_:]|process_|kube_)[\w:]+|\bup\b(?=\{)")
PROMQL = re.compile(r"^```promql\n(.*?)^```", re.MULTILINE | re.DOTALL)


def names_of_pods() -> set[str]:
    """The name of each series that a pod tells."""
    metrics = Metrics()
    told = {
        sample.name
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        for sample in family.samples
    }
    for family in metrics.registry.collect():  # those with labels have no sample yet
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        told |= {family.name + suffix for suffix in suffixes}
    return told


def recorded() -> set[str]:
    return {rule["record"] for group in groups() for rule in group["rules"] if "record" in rule}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_has_all_that_operators_need(rule: dict[str, Any]) -> None:
    name, annotations = rule["alert"], rule["annotations"]
    assert name.startswith("Realtime")
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{ $value" in annotations["description"] or name == "RealtimePodDown"
    assert annotations["runbook_url"] == f"https://docs.example.com/realtime/runbooks/{name}.md"
    assert (RUNBOOKS / f"{name}.md").is_file()
    dashboard = re.fullmatch(
        r"https://grafana\.example\.com/d/([a-z-]+)"
        r"\?var-cluster=\{\{ \$labels\.cluster \}\}&var-namespace=\{\{ \$labels\.namespace \}\}",
        annotations["dashboard_url"],
    )
    assert dashboard
    assert dashboard[1] in DASHBOARDS


def test_rules_look_at_what_pods_tell() -> None:
    known = names_of_pods() | recorded() | FOREIGN
    for rule in (rule for group in groups() for rule in group["rules"]):
        named = set(METRIC.findall(rule["expr"]))
        assert named, rule
        assert named <= known, (rule, named - known)


def test_rules_know_the_values_of_labels() -> None:
    codes = {"accepted", *(error.code for error in subclasses(RealtimeError)), RealtimeError.code}
    values = {
        ("realtime_connects_total", "outcome"): codes,
        ("realtime_refused_requests_total", "problem"): {problem.name.lower() for problem in Problem},
        ("realtime_recoveries_total", "outcome"): set(Gap),
        ("realtime_token_rejections_total", "reason"): set(Rejection),
        ("realtime_events_total", "outcome"): {"published", "dead_letter", "skipped"},
        ("realtime_breaker_state", "dependency"): {"redis", "kafka"},
    }
    bounds: dict[str, set[str]] = {}
    for family in Metrics().registry.collect():
        for sample in family.samples:
            if "le" in sample.labels:
                bounds.setdefault(sample.name, set()).add(sample.labels["le"])
    seen = set()
    for rule in (rule for group in groups() for rule in group["rules"]):
        for metric, label, matched in re.findall(r'(realtime_\w+)\{(\w+)=~?"([^"]*)"', rule["expr"]):
            known = bounds[metric] if label == "le" else values[metric, label]
            assert set(matched.split("|")) <= known, (metric, label, matched)
            seen.add((metric, label))
    assert seen >= values.keys() - {("realtime_events_total", "outcome")}


def subclasses(of: type[RealtimeError]) -> set[type[RealtimeError]]:
    return {each for direct in of.__subclasses__() for each in (direct, *subclasses(direct))}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert {page.stem for page in PAGES} == {rule["alert"] for rule in alerts()}
    index = (RUNBOOKS / "README.md").read_text()
    for rule in alerts():
        row = next(line for line in index.splitlines() if line.startswith(f"| [{rule['alert']}]({rule['alert']}.md)"))
        assert rule["labels"]["severity"] in row.split("|")[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_is_whole_and_speaks_of_what_there_is(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    severities = {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == page.stem}
    meaning = text.split("## ")[1]
    assert {severity for severity in ("page", "ticket") if f"**{severity.capitalize()}" in meaning} == severities
    check_queries(text)
    check_commands(text)
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[\w-]*)?\)", text):
        assert (page.parent / target).is_file(), target
    for setting in re.findall(r"REALTIME_\w+", text):
        assert setting in (ROOT / "docs/configuration.md").read_text(), setting
    code = "".join(file.read_text() for file in sorted((ROOT / "service/realtime").rglob("*.py")))
    for event in re.findall(r"grep (?:-E )?'?([a-z_|]+_[a-z_|]+)'?", text):
        for name in event.split("|"):
            assert name in code or name in {"evicted_keys", "client_output_buffer_limit_disconnections"}, name


def test_the_objectives_say_whose_fault_each_outcome_is() -> None:
    pod = Pod(Settings(auth=AuthSettings(secret="a secret of the tests, of more than 32 bytes")))
    connects = next(each for each in pod._metrics.registry.collect() if each.name == "realtime_connects")
    outcomes = {sample.labels["outcome"] for sample in connects.samples if "outcome" in sample.labels}
    assert len(outcomes) >= 8
    objectives = (ROOT / "docs/slos.md").read_text()
    assert {outcome for outcome in outcomes if not re.search(rf"[`\"|(]{outcome}[`\"|)]", objectives)} == set()


def test_commands_for_redis_say_which_redis() -> None:
    """Without an address it is whatever listens where somebody reads."""
    for page in RUNBOOKS.glob("*.md"):
        for command in re.findall(r"redis-cli(.*)", page.read_text()):
            assert re.match(r' (-u "\$REALTIME_REDIS__URL"|-h \w+) ', command), (page.name, command)


def test_a_pod_is_signalled_without_a_program_that_slim_images_lack() -> None:
    for page in RUNBOOKS.glob("*.md"):
        for program in re.findall(r"kubectl [^`\n]*exec [^`\n]*-- ([\w.-]+)", page.read_text()):
            assert program != "kill", page.name


def test_the_objectives_are_asked_as_they_are_recorded() -> None:
    check_queries((ROOT / "docs/slos.md").read_text())


def check_queries(text: str) -> None:
    known = names_of_pods() | recorded() | FOREIGN
    for block in PROMQL.findall(text):
        # Of several lines a query is what goes on inside brackets, or with an operator.
        joined = re.sub(r"\n(?=[ )/])", " ", re.sub(r"#.*$", "", block, flags=re.MULTILINE))
        for query in filter(None, map(str.strip, joined.splitlines())):
            promql_parser.parse(query)
            assert set(METRIC.findall(query)) <= known, query


def check_commands(text: str) -> None:
    """Each `realtime ...` is a command, with options that it has."""
    for words in re.findall(r"(?:-- |`)realtime ((?:doctor|dead-letters|serve|token)[^\n`#]*)", text):
        command: Any = typer.main.get_command(cli)
        for word in words.split():
            if word.startswith("--"):
                known = {name for parameter in command.params for name in parameter.opts}
                assert word in known, words
            elif hasattr(command, "commands"):
                assert word in command.commands, words
                command = command.commands[word]


def test_alertmanager_silences_alerts_that_there_are() -> None:
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/alertmanager.yaml").read_text())
    names = {rule["alert"] for rule in alerts()}
    for inhibition in configuration["inhibit_rules"]:
        for matcher in (*inhibition["source_matchers"], *inhibition["target_matchers"]):
            name, operator, value = re.fullmatch(r"(\w+) (=~?) \"?([^\"]*)\"?", matcher).groups()  # type: ignore[union-attr]
            if name != "alertname":
                continue
            if operator == "=":
                assert value in names
            for part in value.split("|") if operator == "=~" else ():
                pattern = part if part.count("(") == part.count(")") else None
                assert pattern is None or any(re.fullmatch(pattern, each) for each in names), part
            assert operator == "=" or sum(bool(re.fullmatch(value, each)) for each in names) >= 3
