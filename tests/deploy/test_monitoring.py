"""What watches pods, as the chart renders it. tests/alerts asks Prometheus's own tools about it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.helm import RenderFailed, render
from parts.helm_values import minimal
from parts.manifests import Manifest, one

ROOT = Path(__file__).parents[2]
ON: dict[str, Any] = {"enabled": True}
# What `kubectl apply` writes into an annotation, and all of an object's annotations may not be more. A ConfigMap may be 1 MiB.
ANNOTATIONS_BYTES = 256 * 1024


def monitored(**monitoring: Any) -> list[Manifest]:
    return render(minimal(monitoring=monitoring))


def test_by_default_nothing_is_asked_of_operators_that_may_not_be_there() -> None:
    kinds = {each["kind"] for each in render(minimal())}
    assert not kinds & {"PodMonitor", "ServiceMonitor", "PrometheusRule"}


def test_the_rules_are_those_of_the_repository() -> None:
    rendered = one(monitored(prometheusRule=ON), "PrometheusRule")["spec"]
    assert rendered == yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())


def test_links_of_alerts_lead_where_the_values_say() -> None:
    manifests = monitored(prometheusRule=ON, docsUrl="https://wiki/realtime", grafanaUrl="https://grafana")
    links = [
        (rule["annotations"]["runbook_url"], rule["annotations"]["dashboard_url"])
        for group in one(manifests, "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert len(links) > 20
    assert all(runbook.startswith("https://wiki/realtime/runbooks/Realtime") for runbook, _ in links)
    assert all(dashboard.startswith("https://grafana/d/realtime-") for _, dashboard in links)


def test_alerts_get_labels_and_those_that_are_not_wanted_are_gone() -> None:
    manifests = monitored(
        prometheusRule=ON
        | {"labels": {"release": "prometheus"}, "alertLabels": {"team": "shop"}, "disabledAlerts": ["RealtimePodDown"]}
    )
    rule = one(manifests, "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    rules = [rule for group in rule["spec"]["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if "alert" in rule]
    assert all(alert["labels"]["team"] == "shop" and alert["labels"]["severity"] for alert in alerts)
    assert "RealtimePodDown" not in {alert["alert"] for alert in alerts}
    assert "RealtimeDown" in {alert["alert"] for alert in alerts}
    assert not [rule for rule in rules if "record" in rule and "labels" in rule]


def test_each_dashboard_is_one_configmap_that_the_sidecar_finds_and_kubectl_can_apply() -> None:
    manifests = monitored(dashboards=ON | {"namespace": "monitoring"}, docsUrl="https://wiki/realtime")
    maps = [each for each in manifests if each["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert len(maps) == len(list((ROOT / "grafana/dashboards").iterdir()))
    for each in maps:
        assert each["kind"] == "ConfigMap"
        assert each["metadata"]["namespace"] == "monitoring"
        assert each["metadata"]["annotations"]["grafana_folder"] == "Realtime"
        assert len(json.dumps(each)) < ANNOTATIONS_BYTES
        ((name, text),) = each["data"].items()
        original = (ROOT / "grafana/dashboards" / name).read_text()
        moved = original.replace("https://docs.example.com/realtime", "https://wiki/realtime")
        assert json.loads(text) == json.loads(moved)


def test_a_podmonitor_finds_the_pods_of_both_roles_and_no_others() -> None:
    manifests = render(minimal(monitoring={"podMonitor": ON}, intake={"enabled": True}))
    monitor = one(manifests, "PodMonitor")["spec"]
    (roles,) = monitor["selector"]["matchExpressions"]
    assert (roles["key"], roles["operator"]) == ("app.kubernetes.io/component", "In")
    (endpoint,) = monitor["podMetricsEndpoints"]
    found = set()
    for deployment in (each for each in manifests if each["kind"] == "Deployment"):
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()
        found.add(labels[roles["key"]])
        (container,) = template["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert found == set(roles["values"]) == {"gateway", "intake"}


def test_a_servicemonitor_finds_the_internal_services_of_both_roles_and_not_the_public_one() -> None:
    manifests = render(minimal(monitoring={"serviceMonitor": ON}, intake={"enabled": True}))
    monitor = one(manifests, "ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    (endpoint,) = monitor["endpoints"]
    services = [
        each for each in manifests if each["kind"] == "Service" and wanted <= each["metadata"]["labels"].items()
    ]
    assert {each["metadata"]["name"] for each in services} == {"realtime-internal", "realtime-intake"}
    assert all(endpoint["port"] in {port["name"] for port in each["spec"]["ports"]} for each in services)


def test_pods_that_serve_tls_are_asked_by_it() -> None:
    tls = {"existingSecret": {"name": "certificate"}}
    values = minimal(http={"tls": tls}, monitoring={"podMonitor": ON, "tlsConfig": {"serverName": "shop.example"}})
    (endpoint,) = one(render(values), "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"serverName": "shop.example"})


REFUSED = {
    "both monitors": (
        {"monitoring": {"podMonitor": ON, "serviceMonitor": ON}},
        r"monitoring\.podMonitor\.enabled and monitoring\.serviceMonitor\.enabled are both true.*Keep podMonitor",
    ),
    "no Service": (
        {"monitoring": {"serviceMonitor": ON}, "internalService": {"enabled": False}},
        r"monitoring\.serviceMonitor\.enabled is true, but internalService\.enabled is not",
    ),
    "TLS that nobody trusts": (
        {"monitoring": {"podMonitor": ON}, "http": {"tls": {"existingSecret": {"name": "certificate"}}}},
        r"monitoring\.tlsConfig is empty, but pods serve TLS .*Set monitoring\.tlsConfig\.serverName",
    ),
    "a scrape longer than its interval": (
        {"monitoring": {"podMonitor": ON | {"scrapeTimeout": "1m"}}},
        r"monitoring\.podMonitor\.scrapeTimeout is 1m, longer than the interval, 10s",
    ),
    "an alert that is not there": (
        {"monitoring": {"prometheusRule": ON | {"disabledAlerts": ["RealtimePodDwon"]}}},
        r"monitoring\.prometheusRule\.disabledAlerts names RealtimePodDwon, and there is no such alert",
    ),
}


@pytest.mark.parametrize(("values", "told"), REFUSED.values(), ids=REFUSED)
def test_what_could_not_work_is_refused_and_says_what_to_set(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderFailed, match=told):
        render(minimal(**values))
