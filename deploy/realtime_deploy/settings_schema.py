"""The schema of the chart's `settings`, from the service's own settings: a typo fails the install, not the pod."""

import re
from typing import Any, Final

from realtime.settings import Settings

Schema = dict[str, Any]

# Sections that the chart sets by itself. They pass here, and templates/_validate_settings.tpl says what to set instead.
SET_BY_CHART: Final = ("roles", "pod")

# What pydantic tells beside the rules, and operators need not read. A default here would be taken for the chart's.
_LEFT_OUT: Final = {"title", "default", "format"}


def camel_case(name: str) -> str:
    """`max_messages_per_room` -> `maxMessagesPerRoom`, which Helm's `snakecase` turns back."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def settings_schema() -> Schema:
    """JSON schema of `settings`: types, bounds and choices as the service checks them.

    Rules about two settings at once are not in it, nor those that are code: the service checks these at its start.
    """
    schema = Settings.model_json_schema()
    definitions = schema["$defs"]
    sections = {
        camel_case(name): {} if name in SET_BY_CHART else _resolved(section, definitions)
        for name, section in schema["properties"].items()
    }
    return {
        "description": "The service's settings in camelCase: docs/configuration.md.",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """A schema that stands by itself, of what may be written into a values file."""
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return _resolved({**named, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if "anyOf" in schema:
        return _resolved_choices(schema, definitions)
    if schema.get("writeOnly"):
        return {}  # A secret: likewise set by the chart.
    resolved = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    if resolved.get("type") == "object" and "properties" in resolved:
        resolved["properties"] = {
            camel_case(name): _or_null(_resolved(field, definitions)) for name, field in resolved["properties"].items()
        }
    if choices := re.fullmatch(r"\^\(([A-Za-z0-9_|-]+)\)\$", resolved.get("pattern", "")):
        # Who chose wrongly is told the choices, and not an expression.
        del resolved["pattern"]
        resolved["enum"] = choices[1].split("|")
    if resolved.get("type") == "integer" and "exclusiveMinimum" in resolved:
        resolved["minimum"] = resolved.pop("exclusiveMinimum") + 1  # Helm says "got 0, want 1" of it, and not "want 0".
    if "items" in resolved:
        resolved["items"] = _resolved(resolved["items"], definitions)
        # The service takes lists as text with commas, as does who writes them so here.
        resolved["type"] = [resolved["type"], "string"]
        resolved.pop("uniqueItems", None)
    if "description" in resolved:
        resolved["description"] = _in_chart_words(resolved["description"])
    return resolved


def _or_null(schema: Schema) -> Schema:
    """Null unsets what another values file has set. Not a choice: Helm would offer `<nil>` as one of its words."""
    if not schema or "properties" in schema or "enum" in schema:
        return schema
    kinds = schema.get("type", "string")
    return {**schema, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _resolved_choices(schema: Schema, definitions: Schema) -> Schema:
    """One type or null: pydantic says it as a choice, of which Helm would tell each that failed."""
    kinds = [_resolved(each, definitions) for each in schema["anyOf"] if each.get("type") != "null"]
    if len(kinds) != 1:
        raise ValueError(f"a setting of several types has no plain schema: {schema}")
    (kind,) = kinds
    if not kind:
        return {}
    return {**kind, "description": _in_chart_words(schema["description"])}


def _in_chart_words(description: str) -> str:
    """Names of settings, as they are called here."""
    return re.sub(r"`([a-z]+\.)?([a-z]+(?:_[a-z]+)+)`", lambda it: f"`{it[1] or ''}{camel_case(it[2])}`", description)
