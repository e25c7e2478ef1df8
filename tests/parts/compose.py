"""compose.yaml as Docker reads it, as far as tests ask: anchors resolved, variables filled in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy/compose"
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


@dataclass(frozen=True)
class Compose:
    """`services` are `document`'s."""

    document: dict[str, Any]

    @classmethod
    def load(cls, **variables: str) -> Self:
        """Read it; `variables` are those of a .env."""
        text = VARIABLE.sub(lambda match: variables.get(match[1], match[2]), _text())
        assert not re.search(r"(?<!\$)\$[{A-Z]", text), "a variable without a default"
        return cls(yaml.safe_load(text))

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = self.document["services"]
        return services


def defaults() -> dict[str, str]:
    """Give each variable that a .env may set, with what it is otherwise."""
    found = VARIABLE.findall(_text())
    assert len(dict(found)) == len(set(found)), "a variable has two defaults"
    return dict(found)


def _text() -> str:
    return (ROOT / "compose.yaml").read_text()
