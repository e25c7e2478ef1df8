"""What `make chart` writes is what its sources say."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from realtime.settings import Settings
from realtime.settings.environment import leaves
from realtime_deploy.generated import files
from realtime_deploy.places import CHART, ROOT
from realtime_deploy.settings_schema import SET_BY_CHART, camel_case, settings_schema
from realtime_deploy.values_schema import resolve, values_schema

GENERATED = files()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_as_it_would_be_made_now(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run: make chart"


def test_the_chart_carries_no_copy_of_what_is_no_more() -> None:
    assert {path for path in (CHART / "files").rglob("*") if path.is_file()} <= set(GENERATED)


def test_each_value_has_a_schema_and_each_schema_a_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    assert set(values) == set(values_schema()["properties"]) - {"global", "enabled"}


def test_each_value_says_what_it_is_for() -> None:
    schema = values_schema()

    silent = [path for path, about in _described(schema["properties"], schema) if not about]

    assert silent == []


def test_each_setting_of_the_service_can_be_given_as_a_value() -> None:
    properties = settings_schema()["properties"]
    missing = []
    for path in leaves(Settings):
        section: Any = {"properties": properties}
        for name in path:
            section = section.get("properties", {}).get(camel_case(name))
            if section is None:
                missing.append(path)
                break
            if path[0] in SET_BY_CHART:
                break

    assert missing == []


def _described(properties: dict[str, Any], schema: dict[str, Any], path: str = "") -> list[tuple[str, str]]:
    found = []
    for name, property_ in properties.items():
        resolved = resolve(property_, schema)
        if path.startswith("settings") and not resolved:
            continue  # set by the chart
        found.append((f"{path}{name}", resolved.get("description", "")))
        found += _described(resolved.get("properties", {}), schema, f"{path}{name}.")
    return [each for each in found if each[0] not in {"settings.roles", "settings.pod"}]


def test_the_chart_installs_the_version_that_it_stands_beside() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert about["appVersion"] == project["version"]
