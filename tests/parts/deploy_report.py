"""What `make deploy-check` prints: each set of values by each check, and what was refused in which words."""

import json
import re
import textwrap
from collections import defaultdict
from typing import Any, Final

# Set -> check -> what is wrong.
RESULTS: Final[dict[str, dict[str, list[str]]]] = defaultdict(dict)
# (What was given, Helm's words.)
REFUSED: Final[list[tuple[dict[str, Any], str]]] = []


def note(name: str, check: str, wrong: list[str]) -> None:
    RESULTS[name][check] = wrong


def matrix() -> list[str]:
    """A line for each set."""
    checks = list(dict.fromkeys(check for results in RESULTS.values() for check in results))
    first = max(map(len, RESULTS), default=0)
    lines = [f"{'':{first}}" + "".join(f"  {check}" for check in checks)]
    for name, results in RESULTS.items():
        said = ("-" if check not in results else "WRONG" if results[check] else "ok" for check in checks)
        lines.append(
            f"{name:{first}}" + "".join(f"  {word:{len(check)}}" for word, check in zip(said, checks, strict=True))
        )
    return [line.rstrip() for line in lines]


def refusals(usual: dict[str, Any]) -> list[str]:
    """What was given beside what is `usual`, and what was said of it; each once."""
    found = {(_given(values, usual), plain(message)) for values, message in REFUSED}
    return [
        line
        for given, told in sorted(found)
        for line in (
            *textwrap.wrap(given, 116, initial_indent="  ", subsequent_indent="    "),
            *textwrap.wrap(told, 116, initial_indent="      ", subsequent_indent="      "),
        )
    ]


_SCHEMA: Final = re.compile(
    r"values don't meet the specifications of the schema\(s\) .*?:\s*realtime:\s*(.*)", re.DOTALL
)
_TEMPLATE: Final = re.compile(r"execution error at \([^)]*\): (.*)", re.DOTALL)


def plain(message: str) -> str:
    """Helm's words without what it says before all of them: `path: what is wrong`."""
    if found := _SCHEMA.search(message):
        lines = [line.strip().removeprefix("- at ") for line in found[1].splitlines() if line.strip()]
        return " | ".join(_in_dots(line) for line in lines)
    found = _TEMPLATE.search(message)
    return " ".join((found[1] if found else message).split())


def _in_dots(line: str) -> str:
    path, _, what = line.partition("': ")
    return f"{path.strip(chr(39)).lstrip('/').replace('/', '.') or 'values'}: {what}"


def _given(values: dict[str, Any], usual: dict[str, Any]) -> str:
    ordinary = _leaves(usual)
    leaves = _leaves(values)
    paths = {path for path, _ in leaves}
    given = [
        f"{path}={_short(value)}" for path, value in leaves if (path, value) not in ordinary and not _some(path, value)
    ]
    given += [f"no {path}" for path, _ in ordinary if path not in paths]
    return ", ".join(given)


def _some(path: str, value: Any) -> bool:
    """Some secret that is none of a test's matter."""
    return path == "auth.secret" and isinstance(value, str) and len(value) >= 32


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 50 else f"{text[:47]}..."


def _leaves(tree: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f"{path}{key}.")
        else:
            found.append((f"{path}{key}", value))
    return found
