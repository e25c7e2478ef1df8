"""What `make deploy-check` prints: each set of values by each check, and what was refused in which words."""

import json
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
    lines = [f"{'':24}" + " ".join(f"{check:>10}" for check in checks)]
    for name, results in RESULTS.items():
        said = (("-" if check not in results else "WRONG" if results[check] else "ok") for check in checks)
        lines.append(f"{name:24}" + " ".join(f"{word:>10}" for word in said))
    return lines


def refusals(usual: dict[str, Any]) -> list[str]:
    """What was given beside what is `usual`, and what was said of it; each once."""
    lines: dict[str, None] = {}
    for values, message in REFUSED:
        given = ", ".join(
            f"{path}={json.dumps(value)[:60]}"
            for path, value in _leaves(values)
            if (path, value) not in [*_leaves(usual)]
        )
        text = " ".join(message.partition("): ")[2].split() or message.split())
        lines[
            "\n".join(
                [
                    f"  {given or '(what is needed is missing)'}",
                    *textwrap.wrap(text, 116, initial_indent="      ", subsequent_indent="      "),
                ]
            )
        ] = None
    return sorted(lines)


def _leaves(tree: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f"{path}{key}.")
        else:
            found.append((f"{path}{key}", value))
    return found
