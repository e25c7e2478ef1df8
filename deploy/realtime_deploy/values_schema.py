"""values.schema.json: by hand what is the chart's own, from the code what is the service's."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml

from realtime_deploy.places import CHART
from realtime_deploy.settings_schema import Schema, settings_schema

SECTIONS: Final = Path(__file__).parent / "schema"

# Not sections of their own: what stands at the top of values.yaml, and what several sections are made of.
_GENERAL: Final = "general"
_DEFINITIONS: Final = "definitions"
_DEFINITIONS_OF_THEIR_OWN: Final = ("autoscaling",)

# Free maps that all labels and annotations are merged with.
_MERGED: Final = ("commonLabels", "commonAnnotations")


def values_schema() -> Schema:
    """The whole schema, which Helm holds values against before it renders anything."""
    schema = _assembled()
    _demand_sections(schema, yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), schema)
    # Of `intake` alone: there is no service without pods that hold sockets.
    del schema["properties"]["gateway"]["properties"]["enabled"]
    return schema


def _demand_sections(schema: Schema, defaults: dict[str, Any], whole: Schema) -> None:
    """Who writes `auth: null` takes the section away with all its defaults, and templates would find nothing there.

    What several sections are made of is written out in each, for they differ in which defaults there are.
    """
    for name, default in defaults.items():
        property_ = schema["properties"][name]
        found = resolve(property_, whole)
        if not isinstance(default, dict) or not (found.get("properties") or name in _MERGED or found is whole):
            continue
        if found.get("properties", {}).keys() == {"requests", "limits", "claims"}:
            continue  # Nobody need ask for anything.
        schema.setdefault("required", []).append(name)
        if found.get("properties"):
            schema["properties"][name] = found = deepcopy(found)
            _demand_sections(found, default, whole)


def _assembled() -> Schema:
    files = {path.stem: _read(path) for path in sorted(SECTIONS.glob("*.yaml"))}
    definitions = files.pop(_DEFINITIONS) | {name: files.pop(name) for name in _DEFINITIONS_OF_THEIR_OWN}
    general = files.pop(_GENERAL)["properties"]
    return {
        # The newest that Helm before 3.18 knows.
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart realtime",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **general,
            **files,
            "settings": settings_schema(),
            "global": {"type": "object", "description": "What a parent chart gives to all; not used here."},
        },
        "$defs": definitions,
    }


def resolve(schema: Schema, whole: Schema) -> Schema:
    """A property's schema, with what it refers to."""
    if "$ref" not in schema:
        return schema
    named = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return resolve({**named, **{key: value for key, value in schema.items() if key != "$ref"}}, whole)


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
