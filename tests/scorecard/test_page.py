"""What the page tells is what the results say: the newest that are committed, row by row."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scorecard.__main__ import PAGE
from scorecard.page import BEGIN, END, generated, newest, whole_runs, write
from tool.errors import Unable
from tool.frame import REPOSITORY, RESULTS


def _kept(directory: Path, day: int, command: str, **rows: float) -> None:
    """Results of a day, of ours alone, with one value for each of these rows."""
    where = directory / f"2026-11-{day:02}-abcdef0-scorecard"
    where.mkdir()
    measured = [
        {
            "id": f"{row}/rate",
            "title": row,
            "unit": "records/s",
            "more_is_better": True,
            "contenders": {"ours": {"values": [value]}, "node": {"values": [2 * value]}},
        }
        for row, value in rows.items()
    ]
    said: dict[str, Any] = {
        "date": f"2026-11-{day:02}T12:00:00+00:00",
        "commit": "abcdef0",
        "command": command,
        "seconds": 60,
        "machine": {"cores": "2", "processor": "x", "load at the start": "0.1"},
        "problems": [],
        "measured": measured,
    }
    (where / "results.json").write_text(json.dumps(said))


def test_the_page_says_what_the_newest_committed_results_say() -> None:
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        pytest.skip("which results are committed is known in a checkout alone")
    listed = subprocess.run(
        [git, "ls-files", "loadtest/results/*-scorecard*/results.json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kept = newest(whole_runs(RESULTS / Path(name).parent.name for name in listed.splitlines()))

    assert generated(kept) in PAGE.read_text(), "run: make scorecard ARGS=--page"


def test_each_row_is_of_the_newest_whole_run_that_has_it(tmp_path: Path) -> None:
    _kept(tmp_path, 3, "make scorecard ARGS=--quick", backlog=5)
    _kept(tmp_path, 2, 'make scorecard ARGS="--only backlog"', backlog=2)
    _kept(tmp_path, 1, "make scorecard", backlog=1, room=1)

    kept = newest(whole_runs(tmp_path.iterdir()))

    assert [(line.metric.title, line.text(0)) for line in kept.lines] == [("backlog", "2"), ("room", "1")]
    assert {row: run.date.day for row, run in kept.runs.items()} == {"backlog": 2, "room": 1}
    assert "- backlog: 2 records/s, and Node socket.io 4" in generated(kept)
    assert "Not measured yet: Node, sharded" in generated(kept)


def test_a_page_without_its_marks_is_left_alone(tmp_path: Path) -> None:
    _kept(tmp_path, 1, "make scorecard", backlog=1)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{END}\nafter\n{BEGIN}\n{BEGIN}")

    with pytest.raises(Unable, match=r"page\.md"):
        write(page, tmp_path / "picture.png", newest(whole_runs(tmp_path.iterdir())))

    assert page.read_text().startswith("before")
    assert not (tmp_path / "picture.png").exists()


def test_without_results_it_says_how_to_come_by_them() -> None:
    with pytest.raises(Unable, match="make scorecard"):
        newest([])
