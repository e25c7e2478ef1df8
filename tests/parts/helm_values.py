"""Values to begin with."""

from copy import deepcopy
from typing import Any, Final

SECRET: Final = "a-secret-of-thirty-two-bytes-or-more"

# The least that a chart can be rendered with.
MINIMAL: Final[dict[str, Any]] = {
    "auth": {"secret": SECRET},
    "redis": {"url": "redis://redis:6379/0"},
    "settings": {"kafka": {"bootstrapServers": "kafka:9092"}},
}


def minimal(**sections: Any) -> dict[str, Any]:
    """The least, with more in it; None takes a section away, and sections are merged key by key."""
    return merged(MINIMAL, sections)


def merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """One tree laid over another; neither is changed."""
    result = deepcopy(values)
    for key, value in more.items():
        if value is None and key in MINIMAL:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = deepcopy(value)
    return result
