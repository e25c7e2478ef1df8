"""Modules are short, say what they are for, and have telling names; their tests stand where one looks for them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "service" / "realtime"
UNIT_TESTS = ROOT / "tests" / "unit"
MAX_LINES = 400
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "core", "data", "base_utils"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_no_longer_than_one_can_oversee(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_a_telling_name(path: Path) -> None:
    assert not NAMES_THAT_SAY_NOTHING & {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts}


def test_every_directory_of_modules_is_a_package() -> None:
    assert not [path.parent for path in MODULES if not (path.parent / "__init__.py").exists()]


def test_unit_tests_mirror_the_package() -> None:
    tested = {path.name for path in UNIT_TESTS.iterdir() if path.is_dir() and any(path.glob("**/test_*.py"))}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert tested <= packages
    # Redis itself is for integration tests.
    assert packages - tested <= {"redis"}
