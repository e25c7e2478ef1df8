"""Helm itself, as a library: what the chart renders to, and what it refuses."""

from functools import cache
from typing import Any

import yaml
from helm_python.chart import Chart
from helm_python.errors import HelmError

from parts import deploy_report
from realtime_deploy.places import CHART


@cache
def chart() -> Chart:
    """Read once: it cannot be changed, and takes longer than rendering it."""
    return Chart.load(CHART)


class RenderFailed(Exception):
    """Helm's own words."""


def render(
    values: dict[str, Any], *, release: str = "realtime", namespace: str = "shop", is_upgrade: bool = False
) -> list[dict[str, Any]]:
    """All manifests. Raises `RenderFailed`."""
    files = _render(values, release, namespace, is_upgrade)
    texts = [text for name, text in files.items() if not name.endswith("NOTES.txt")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def notes(
    values: dict[str, Any], *, release: str = "realtime", namespace: str = "shop", is_upgrade: bool = False
) -> str:
    """What an operator is told."""
    files = _render(values, release, namespace, is_upgrade)
    return next(text for name, text in files.items() if name.endswith("NOTES.txt"))


def _render(values: dict[str, Any], release: str, namespace: str, is_upgrade: bool) -> dict[str, str]:
    try:
        return chart().render(
            values, name=release, namespace=namespace, is_install=not is_upgrade, is_upgrade=is_upgrade
        )
    except HelmError as error:
        deploy_report.REFUSED.append((values, str(error)))
        raise RenderFailed(str(error)) from None
