"""docs/scale.md is what the model prints, the model is near what was measured, and each constant comes from a file."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from model.check import ERROR_MAX, Checked, check, judged
from model.constants import Constants, read
from model.page import BEGIN, END, generated

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scale.md"
CONSTANTS, SOURCES = read()


def test_the_page_is_what_the_model_prints() -> None:
    _, _, rest = PAGE.read_text().partition(BEGIN)
    body, end, _ = rest.partition(END)

    assert BEGIN + body + end == generated(CONSTANTS, SOURCES), "Run: make model"


def test_its_pictures_are_there() -> None:
    for name in ("scale-check.png", "scale-projected.png"):
        assert (PAGE.parent / "images" / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    "one", judged(check(CONSTANTS, SOURCES)), ids=lambda one: f"{one.what}, {one.phase}, {one.pods}"
)
def test_the_model_is_near_what_was_measured(one: Checked) -> None:
    assert abs(one.error) <= ERROR_MAX


def test_the_largest_step_is_not_fitted_to() -> None:
    assert {one.pods for one in check(CONSTANTS, SOURCES) if one.is_held_out} == {max(s["pods"] for s in SOURCES.steps)}


@pytest.mark.parametrize("name", [field.name for field in fields(Constants)])
def test_each_constant_names_its_source(name: str) -> None:
    assert (ROOT / SOURCES.of(name)).exists()


def model(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "loadtest") + os.pathsep + str(ROOT / "tests"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_own_numbers_can_be_projected() -> None:
    done = model("--sockets", "250000", "--events-per-second", "5000", "--mix", "shop")

    assert done.returncode == 0, done.stderr
    assert "250,000 sockets, shop" in done.stdout
    assert "5k" in done.stdout


def test_a_mix_that_is_not_there_is_told() -> None:
    done = model("--sockets", "1", "--mix", "casino")

    assert done.returncode == 1
    assert done.stderr == "--mix: there are shop, dashboard, stock; not 'casino'\n"


def test_the_page_can_be_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    done = model("--page", str(page), "--images", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert page.read_text() == f"before\n{generated(CONSTANTS, SOURCES)}\nafter\n"
    assert (tmp_path / "scale-check.png").exists()


@pytest.mark.parametrize(
    "written",
    [
        "nothing of it",
        f"{BEGIN}\nno end",
        f"{END}\n{BEGIN}",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}",
        f"{BEGIN}\n{END} {END}",
    ],
)
def test_a_page_without_a_place_for_it_is_left_as_it_is(tmp_path: Path, written: str) -> None:
    page = tmp_path / "mine.md"
    page.write_text(written)

    done = model("--page", str(page), "--images", str(tmp_path))

    assert done.returncode == 1
    assert "nothing is written" in done.stderr
    assert page.read_text() == written
