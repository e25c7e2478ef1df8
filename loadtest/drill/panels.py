"""What the dashboards ask, as Prometheus would be asked by Grafana."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Grafana's own, which no dashboard declares; `$__rate_interval` holds four scrapes.
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass(frozen=True)
class Panel:
    """One panel: its queries, and where its colour changes. `dashboard` is the uid without the product's name."""

    dashboard: str
    title: str
    queries: tuple[str, ...]
    thresholds: tuple[float, ...]

    @property
    def name(self) -> str:
        """How people find it."""
        return f"{self.dashboard}: {self.title}"


def load_panels(directory: Path, scrape_seconds: float) -> list[Panel]:
    """Read all dashboards of a directory; of panels of the same name in one of them the later ones get a number."""
    panels: list[Panel] = []
    for path in sorted(directory.glob("*.json")):
        panels += read_panels(json.loads(path.read_text()), scrape_seconds)
    assert panels, f"no dashboards in {directory}"
    return panels


def read_panels(dashboard: Mapping[str, Any], scrape_seconds: float) -> Iterator[Panel]:
    """Read one dashboard; every variable is all, or what the dashboard begins with."""
    variables = _variables(dashboard, scrape_seconds)
    seen: dict[str, int] = {}
    for panel in _all_panels(dashboard["panels"]):
        queries = tuple(_filled(target["expr"], variables) for target in panel.get("targets", []) if target.get("expr"))
        if not queries:
            continue
        seen[panel["title"]] = seen.get(panel["title"], 0) + 1
        number = f" ({seen[panel['title']]})" if seen[panel["title"]] > 1 else ""
        yield Panel(
            dashboard["uid"].removeprefix("realtime-"), f"{panel['title']}{number}", queries, tuple(_thresholds(panel))
        )


def _all_panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield from _all_panels(panel.get("panels", []))
        if panel["type"] != "row":
            yield panel


def _variables(dashboard: Mapping[str, Any], scrape_seconds: float) -> dict[str, str]:
    rate_interval = f"{int(4 * scrape_seconds * 1_000)}ms"
    variables = {"__rate_interval": rate_interval, "__interval": rate_interval, "__range": "5m"}
    for variable in dashboard.get("templating", {}).get("list", []):
        is_asked_of_prometheus = variable["type"] == "query"
        value = (variable.get("current") or {}).get("value") or variable.get("query") or ""
        variables[variable["name"]] = ".*" if is_asked_of_prometheus else str(value)
    return variables


def _filled(query: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], query)


def _thresholds(panel: Mapping[str, Any]) -> Iterator[float]:
    steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds") or {}
    for step in steps.get("steps", []):
        if step.get("value") is not None:
            yield float(step["value"])
