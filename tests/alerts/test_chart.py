"""What the chart gives the Prometheus operator, asked of Prometheus's own tools: the labels that all go by, and the rules."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.test_scraping import promtool
from parts.helm import render
from parts.helm_values import minimal
from parts.manifests import one

ON = {"enabled": True}


def found(address: str, **changes: str) -> dict[str, Any]:
    """A pod's container and port, as the operator's discovery tells it of pods and of endpoints alike."""
    meta = {
        "namespace": "shop",
        "pod_name": "realtime-7d4b9-x2k5p",
        "pod_node_name": "node-7",
        "pod_phase": "Running",
        "pod_container_name": "realtime",
    }
    labels = {f"__meta_kubernetes_{key}": value for key, value in (meta | changes).items()}
    # What the operator has made of it before ours.
    return {
        "targets": [address],
        "labels": labels | {"job": "shop/realtime", "container": "realtime", "endpoint": "http"},
    }


@pytest.mark.parametrize("kind", ["podMonitor", "serviceMonitor"])
def test_series_get_the_labels_that_rules_and_dashboards_go_by(kind: str, tmp_path: Path) -> None:
    monitoring = {"cluster": "production-1", kind: ON}
    spec = one(render(minimal(monitoring=monitoring)), kind[0].upper() + kind[1:])["spec"]
    (endpoint,) = spec["podMetricsEndpoints" if kind == "podMonitor" else "endpoints"]
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    job = {
        "job_name": f"{kind}/shop/realtime/0",
        "scheme": endpoint["scheme"],
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "relabel_configs": [
            {names.get(key, key): value for key, value in each.items()} for each in endpoint["relabelings"]
        ],
        "static_configs": [
            found("10.0.0.1:3009"),
            found("10.0.0.2:3009", pod_phase="Succeeded"),
            found("10.0.0.3:3009", pod_phase="Pending"),
            found("10.0.0.4:3009", pod_container_name="istio-proxy"),
        ],
    }
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump({"scrape_configs": [job]}))

    assert "SUCCESS" in promtool("check", "config", str(path))
    told = json.loads(promtool("check", "service-discovery", "--timeout=1s", str(path), job["job_name"]))

    (labels,) = (target["labels"] for target in told if target["labels"])
    assert {name: labels[name] for name in ("job", "cluster", "namespace", "pod", "node")} == {
        "job": "realtime",
        "cluster": "production-1",
        "namespace": "shop",
        "pod": "realtime-7d4b9-x2k5p",
        "node": "node-7",
    }


def test_the_rules_are_rules_with_addresses_and_labels_of_ones_own_too(tmp_path: Path) -> None:
    monitoring = {"docsUrl": "https://wiki/rt", "prometheusRule": ON | {"alertLabels": {"team": "shop"}}}
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(one(render(minimal(monitoring=monitoring)), "PrometheusRule")["spec"]))
    ours = len([rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]])
    assert f"SUCCESS: {ours} rules found" in promtool("check", "rules", str(path))


LAG = "realtime_kafka_consumer_lag_records"
PLACE = 'job="realtime", namespace="shop"'


def test_no_partition_asks_for_more_than_one_pod_and_what_waits_for_redis_asks_for_none(tmp_path: Path) -> None:
    """The query of both autoscalers, over series that a test writes down."""
    autoscaling = ON | {
        "kind": "keda",
        "kafkaLagRecords": 1_000,
        "keda": {"prometheusAddress": "http://prometheus:9090"},
    }
    manifest = one(render(minimal(gateway={"autoscaling": autoscaling})), "ScaledObject")
    (query,) = (each["metadata"]["query"] for each in manifest["spec"]["triggers"] if each["name"] == "lag")

    def lag(pod: str, partition: int, values: str) -> dict[str, str]:
        place = f'{PLACE}, pod="realtime-5f7-{pod}", topic="order.updated", partition="{partition}"'
        return {"series": f"{LAG}{{{place}}}", "values": values}

    def breaker(pod: str, dependency: str, values: str) -> dict[str, str]:
        place = f'{PLACE}, pod="realtime-5f7-{pod}", dependency="{dependency}"'
        return {"series": f"realtime_breaker_state{{{place}}}", "values": values}

    def told(at: str, value: float | None) -> dict[str, Any]:
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        return {"expr": query, "eval_time": at, "exp_samples": samples}

    document = {
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": [
                    lag("aaaaa", 0, "200 9000000 9000000 9000000 9000000"),
                    lag("aaaaa", 1, "0 0 0 0 0"),
                    # It moves to the other pod; for a moment both tell of it.
                    lag("aaaaa", 2, "300 300 stale"),
                    lag("bbbbb", 2, "_ 400 400 400 400"),
                    breaker("aaaaa", "redis", "0 0 0 2 1"),
                    breaker("aaaaa", "kafka", "0 0 0 0 0"),
                    breaker("bbbbb", "redis", "0 0 0 0 2"),
                    # Of others in the namespace.
                    {
                        "series": f'{LAG}{{{PLACE}, pod="realtime-intake-5f7-ccccc", topic="t", partition="0"}}',
                        "values": "9x4",
                    },
                ],
                "promql_expr_test": [
                    told("0s", 500),
                    told("10s", 1_400),
                    told("20s", 1_400),
                    told("30s", 400),
                    told("40s", None),
                ],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(document))
    assert "SUCCESS" in promtool("test", "rules", str(path))
