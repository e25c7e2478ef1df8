"""That the example configuration of Prometheus is one, and finds the pods, and gives their series the labels that all go by.

Debian builds Prometheus without its discovery in Kubernetes; what that would find, and all of its labels, is written down
here as static targets.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from parts.needs import need

CONFIGURATION = Path(__file__).parents[2] / "deploy/prometheus/prometheus.yaml"


def pod(name: str, address: str, **changes: str) -> dict[str, Any]:
    """A pod's container and port, as `kubernetes_sd_configs` with `role: pod` tells it."""
    meta = {
        "namespace": "shop",
        "pod_name": name,
        "pod_node_name": "node-7",
        "pod_phase": "Running",
        "pod_label_app_kubernetes_io_name": "realtime",
        "pod_container_name": "realtime",
        "pod_container_port_number": "3009",
    }
    labels = {f"__meta_kubernetes_{key}": value for key, value in (meta | changes).items()}
    return {"targets": [address], "labels": labels}


def test_pods_are_found_and_labelled(tmp_path: Path) -> None:
    found = [
        pod("realtime-0", "10.0.0.1:3009"),
        pod("realtime-1", "10.0.0.2:3009", pod_annotation_prometheus_io_scheme="https"),
        pod("realtime-2", "10.0.0.3:3009", pod_phase="Succeeded"),
        pod("realtime-3", "10.0.0.4:15090", pod_container_name="istio-proxy", pod_container_port_number="15090"),
        pod("realtime-4", "10.0.0.6:3009", pod_phase="Pending"),
        pod("checkout-0", "10.0.0.5:3009", pod_label_app_kubernetes_io_name="checkout"),
    ]
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    for job in configuration["scrape_configs"]:
        del job["kubernetes_sd_configs"]
        job["static_configs"] = found
    (tmp_path / "rules.yaml").write_text((CONFIGURATION.parent / "rules.yaml").read_text())
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump(configuration))

    checked = promtool("check", "config", str(path))
    assert "SUCCESS" in checked
    assert "rules found" in checked

    told = json.loads(promtool("check", "service-discovery", "--timeout=1s", str(path), "realtime"))
    # It tells them in any order.
    labels = sorted((target["labels"] for target in told if target["labels"]), key=lambda each: str(each["pod"]))
    assert [(each["cluster"], each["namespace"], each["pod"], each["node"], each["job"]) for each in labels] == [
        ("production-1", "shop", "realtime-0", "node-7", "realtime"),
        ("production-1", "shop", "realtime-1", "node-7", "realtime"),
    ]
    assert [each["__scheme__"] for each in labels] == ["http", "https"]
    assert {each["__metrics_path__"] for each in labels} == {"/metrics"}
    assert {each["__scrape_interval__"] for each in labels} == {"10s"}


def promtool(*arguments: str) -> str:
    ran = subprocess.run([need("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
