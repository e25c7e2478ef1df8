"""All files that `make chart` writes."""

import json
from pathlib import Path

import yaml

from realtime_deploy.chart_readme import chart_readme
from realtime_deploy.defaults import defaults
from realtime_deploy.places import CHART, ROOT
from realtime_deploy.plain import plain_files
from realtime_deploy.values_schema import values_schema


def files() -> dict[Path, str]:
    """Path -> content."""
    return chart_files() | plain_files()


def chart_files() -> dict[Path, str]:
    """What the chart itself is made of."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n"
    own = {
        CHART / "values.schema.json": schema,
        CHART / "README.md": chart_readme(values),
        CHART / "files/defaults.json": defaults(),
    }
    return own | _copies()


def _copies() -> dict[Path, str]:
    """What templates read: a chart sees its own folder alone."""
    rules = ROOT / "deploy/prometheus/rules.yaml"
    dashboards = sorted((ROOT / "grafana/dashboards").glob("*.json"))
    targets = {rules: CHART / "files/rules.yaml"} | {
        path: CHART / "files/dashboards" / path.name for path in dashboards
    }
    return {target: source.read_text(encoding="utf-8") for source, target in targets.items()}


def write() -> None:
    """Write them all; a copy of what is no more goes."""
    of_chart = chart_files()
    for path in (CHART / "files").rglob("*.*"):
        if path.is_file() and path not in of_chart:
            path.unlink()
    _write(of_chart)
    _write(plain_files())  # rendered from the chart as it is now


def _write(written: dict[Path, str]) -> None:
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
