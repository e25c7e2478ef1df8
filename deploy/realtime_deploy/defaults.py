"""The service's defaults, for what templates compare settings with: a chart cannot ask the service."""

import json
from typing import Any

from pydantic import BaseModel

from realtime.settings import Settings
from realtime_deploy.settings_schema import SET_BY_CHART, camel_case


def defaults() -> str:
    """All that are a number or a text, in camelCase."""
    return json.dumps(_of(Settings, SET_BY_CHART), indent=2) + "\n"


def _of(model: type[BaseModel], left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in left_out:
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[camel_case(name)] = _of(field.annotation)
        elif isinstance(field.default, int | float | str):
            found[camel_case(name)] = field.default
    return found
