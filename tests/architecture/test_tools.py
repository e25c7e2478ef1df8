"""What all tools share knows none of them, and their modules are short, as the product's are."""

import ast
from pathlib import Path
from typing import Final

import pytest

LOADTEST: Final = Path(__file__).parents[2] / "loadtest"
MODULES: Final = sorted(LOADTEST.rglob("*.py"))
TOOLS: Final = {path.parent.name for path in LOADTEST.glob("*/__init__.py")}
SHARED: Final = {"tool", "observe"}
# Who runs alone, in an image without the others, lends what it must have itself.
LENT: Final = {"swarm.frames"}
MAX_LINES: Final = 400


def name_of(path: Path) -> str:
    return str(path.relative_to(LOADTEST))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


def test_there_are_tools_to_look_at() -> None:
    assert SHARED | {"bench", "chaos", "drill", "sticky", "swarm"} <= TOOLS


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name in SHARED], ids=name_of)
def test_what_all_share_imports_no_tool(path: Path) -> None:
    assert {name for name in imported(path) if name.partition(".")[0] in TOOLS - SHARED} <= LENT


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_no_longer_than_one_can_oversee(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
