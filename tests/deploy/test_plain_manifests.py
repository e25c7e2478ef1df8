"""What kustomize makes of deploy/k8s is what the chart renders."""

import subprocess
from typing import Any

import pytest
import yaml

from parts.needs import need
from realtime_deploy.plain import OVERLAYS, PLAIN, rendered


def built(folder: str) -> dict[tuple[str, str], dict[str, Any]]:
    command = [need("kubectl"), "kustomize", str(PLAIN / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_what_the_chart_renders_with_its_values(name: str) -> None:
    found = built(f"overlays/{name}")
    secret = found.pop(("Secret", "realtime-secrets"), None)
    assert (secret is not None) == (name == "try")
    assert found == {(each["kind"], each["metadata"]["name"]): each for each in rendered(name)}


def test_nothing_of_helm_is_left() -> None:
    for each in built("base").values():
        assert "helm" not in yaml.safe_dump(each["metadata"]).lower()
