"""deploy/k8s/loadtest: that its files hold together, with the swarm and with each other."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from parts.pod_security import breaches

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy/k8s/loadtest"
SWARM = ROOT / "loadtest/swarm"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((HERE / "web/kustomization.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((HERE / "web" / name).read_text())
]
WORKLOADS = [manifest for manifest in MANIFESTS if manifest["kind"] in {"Job", "Deployment"}]


def test_all_files_are_used() -> None:
    there = {path.name for path in (HERE / "web").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == there


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_kubernetes_takes_it(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_what_is_set_is_an_option_of_ours_or_of_locust() -> None:
    flags = re.findall(r'\badd\(\s*"--([a-z-]+)"', (SWARM / "options.py").read_text())
    ours = {f"SWARM_{flag.replace('-', '_').upper()}" for flag in flags}
    names = [line.partition("=")[0] for line in (HERE / "web/swarm.env").read_text().splitlines()]
    locusts = {"LOCUST_HOST", "LOCUST_USERS", "LOCUST_SPAWN_RATE", "LOCUST_RUN_TIME"}
    assert set(names) <= ours | locusts
    # A secret has no place in a file of the repository.
    assert "SWARM_AUTH_SECRET" in ours - set(names)


@pytest.mark.parametrize("manifest", WORKLOADS, ids=lambda m: m["metadata"]["name"])
def test_a_pod_runs_under_restricted_pod_security(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert breaches(pod) == []
    assert pod["automountServiceAccountToken"] is False
    # A Service's name would be a setting: LOCUST_MASTER_PORT.
    assert pod["enableServiceLinks"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == KUSTOMIZATION["images"][0]["name"]
    assert {"secretRef": {"name": "swarm"}} in container["envFrom"]


def test_the_image_is_of_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert KUSTOMIZATION["images"][0]["newTag"] == version[1]


def test_without_a_web_ui_it_waits_for_all_workers() -> None:
    headless = yaml.safe_load((HERE / "headless/kustomization.yaml").read_text())
    (patch,) = yaml.safe_load(headless["patches"][0]["patch"])
    (workers,) = [m["spec"]["replicas"] for m in WORKLOADS if m["kind"] == "Deployment"]
    assert f"--expect-workers={workers}" in patch["value"]
    assert headless["patches"][0]["target"]["name"] in {m["metadata"]["name"] for m in WORKLOADS}


def test_workers_find_their_master() -> None:
    (service,) = [m for m in MANIFESTS if m["kind"] == "Service"]
    (worker,) = [m for m in WORKLOADS if m["kind"] == "Deployment"]
    assert f"--master-host={service['metadata']['name']}" in worker["spec"]["template"]["spec"]["containers"][0]["args"]
    assert 5557 in {port["port"] for port in service["spec"]["ports"]}
