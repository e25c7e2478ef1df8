"""What kustomize makes of deploy/k8s is what the chart renders.

Merged by hand everywhere, and by kubectl where it is: Debian's is too old to know `patches` of files.
"""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from parts.kustomize import Manifests, by_hand, by_kubectl, by_name
from parts.needs import find
from realtime_deploy.places import PLAIN
from realtime_deploy.plain import OVERLAYS, rendered

BUILDERS: Final[dict[str, Any]] = {"by hand": by_hand} | ({"kubectl": by_kubectl} if find("kubectl") else {})


def built(builder: str, folder: str) -> Manifests:
    found: Manifests = BUILDERS[builder](PLAIN / folder)
    return found


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_what_the_chart_renders_with_its_values(name: str, builder: str) -> None:
    found = built(builder, f"overlays/{name}")
    secret = found.pop(("Secret", "realtime-secrets"), None)
    assert (secret is not None) == (name == "try")
    assert found == by_name(rendered(name))


@pytest.mark.parametrize("builder", BUILDERS)
def test_nothing_of_helm_is_left(builder: str) -> None:
    for each in built(builder, "base").values():
        assert "helm" not in yaml.safe_dump(each["metadata"]).lower()


def test_what_no_hand_can_merge_is_told(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml]\nnamePrefix: x-\n")
    (tmp_path / "a.yaml").write_text("kind: ConfigMap\nmetadata: {name: a}\n")
    with pytest.raises(AssertionError, match="namePrefix"):
        by_hand(tmp_path)
