"""The chart as a part of another, and pods of two roles that share values."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from helm_python.chart import Chart

from parts.helm import CHART, render
from parts.helm_values import minimal

PARENT = """\
apiVersion: v2
name: shop
version: 1.0.0
dependencies:
  - {name: realtime, version: "*", condition: realtime.enabled}
"""


@pytest.mark.parametrize("enabled", [True, False])
def test_a_parent_chart_turns_it_on_and_off(tmp_path: Path, enabled: bool) -> None:
    shutil.copytree(CHART, tmp_path / "charts" / "realtime")
    (tmp_path / "Chart.yaml").write_text(PARENT, encoding="utf-8")
    values = {"realtime": {**minimal(), "enabled": enabled}}
    files = Chart.load(tmp_path).render(values, name="shop", namespace="shop", is_install=True, is_upgrade=False)
    assert any("kind: Deployment" in text for text in files.values()) is enabled


def test_a_request_of_intake_alone_keeps_the_limit_that_gateway_has() -> None:
    values = minimal(intake={"enabled": True, "resources": {"requests": {"cpu": "500m"}}})
    assert _container(render(values), "realtime-intake")["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"memory": "1Gi"},
    }


def test_the_checksum_changes_with_a_password_and_not_by_itself() -> None:
    def checksum(password: str, auth: dict[str, Any]) -> str:
        url = f"redis://:{password}@redis:6379/0"
        pod = _deployment(render(minimal(auth=auth, redis={"url": url})), "realtime")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/secrets"])

    elsewhere = {"secret": "", "existingSecret": {"name": "tokens", "key": "secret"}}
    for auth in ({}, elsewhere):
        assert checksum("one", auth) == checksum("one", auth)
        assert checksum("one", auth) != checksum("two", auth)


def _deployment(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in manifests if one["kind"] == "Deployment" and one["metadata"]["name"] == name)


def _container(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    container: dict[str, Any] = _deployment(manifests, name)["spec"]["template"]["spec"]["containers"][0]
    return container
