"""docs/scale.md is what the model prints, the model is near what was measured, and each constant comes from a file."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from model import sources as model_sources
from model.bends import BENDS
from model.check import MEAN_ERROR_MAX, check
from model.constants import Constants
from model.page import BEGIN, END, generated
from model.project import Budget
from model.sources import NotMeasured, name_run, read

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


def test_what_redis_keeps_of_a_socket_is_what_its_parts_add_up_to() -> None:
    assert pytest.approx(SOURCES.redis_socket_bytes, rel=0.1) == CONSTANTS.kept_of_a_quiet_socket_bytes


@pytest.mark.parametrize("what", ["a pod", "Redis", "Redis receives", "Redis sends"])
def test_the_model_is_near_what_was_measured_in_the_mean(what: str) -> None:
    errors = [abs(one.error) for one in check(CONSTANTS, SOURCES) if one.what == what]

    assert sum(errors) / len(errors) <= MEAN_ERROR_MAX


def test_the_largest_step_is_not_fitted_to() -> None:
    held_out = {one.pods for one in check(CONSTANTS, SOURCES) if one.is_held_out and one.phase != "burst"}

    assert held_out == {max(step.pods for step in SOURCES.scale.steps)}


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

    assert done.returncode == 2
    assert done.stderr == "model: --mix: there are shop, dashboard, stock; not 'casino'\n"


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

    assert done.returncode == 2
    assert "nothing is written" in done.stderr
    assert page.read_text() == written


# -- another run of `make scale` -----------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of results, and a sources.toml, that may be changed."""
    results = tmp_path / "results"
    results.mkdir()
    for kept in (ROOT / "loadtest" / "results").iterdir():
        (results / kept.name).symlink_to(kept)
    named = tmp_path / "sources.toml"
    named.write_text(model_sources.SOURCES.read_text())
    monkeypatch.setattr(model_sources, "RESULTS", results)
    monkeypatch.setattr(model_sources, "SOURCES", named)
    return results


def scale_run(runs: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> str:
    told = json.loads((ROOT / SOURCES.paths["scale"] / "results.json").read_text())
    where = runs / "2026-12-24-abcdef0-scale"
    where.mkdir()
    (where / "results.json").write_text(json.dumps(told | {"steps": change(told["steps"])}))
    return where.name


def repeated(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first repetition of a run, three times."""
    once = [step for step in steps if step.get("repetition", 0) == 0]
    return [step | {"repetition": number} for number in range(3) for step in once]


def test_a_run_with_repetitions_is_named_by_one_step_and_what_is_written_then_is_of_it(runs: Path) -> None:
    name_run("scale", scale_run(runs, repeated))
    constants, sources = read()

    written = generated(constants, sources)

    assert "loadtest/results/2026-12-24-abcdef0-scale/results.md" in written
    assert "medians of 3 repetitions" in written
    assert {step.repetition for step in sources.scale.steps} == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda steps: [step for step in steps if step["pods"] == 1], r"at least 3 numbers of pods; not \[1\]"),
        (lambda steps: [step | {"phases": {}} for step in steps], "has no burst"),
        (lambda steps: [{"what": "else"} for _ in steps], "not what its kind should be"),
    ],
)
def test_a_run_that_cannot_be_fitted_to_is_told(
    runs: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], said: str
) -> None:
    with pytest.raises(NotMeasured, match=said):
        read({"scale": scale_run(runs, change)})


def test_a_run_that_is_not_there_is_told_and_not_named() -> None:
    before = model_sources.SOURCES.read_text()

    done = model("--scale", "loadtest/results/nowhere")

    assert done.returncode == 2
    assert done.stderr == "model: scale: there is no such run in loadtest/results: 'nowhere'\n"
    assert model_sources.SOURCES.read_text() == before


def test_what_a_bend_says_is_what_it_is_judged_by() -> None:
    page = generated(CONSTANTS, SOURCES)

    for bend in BENDS:
        assert f"| {bend.name} | {bend.what} | {bend.begins(CONSTANTS, Budget())} |" in page
