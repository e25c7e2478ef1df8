"""The whole tool, on one row of ours alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join(str(ROOT / name) for name in ("loadtest", "tests"))


def scorecard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scorecard", *arguments],
        env=os.environ | {"PYTHONPATH": PATHS, "COLUMNS": "200"},
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.timeout(180)
def test_a_row_is_measured_kept_and_drawn(tmp_path: Path) -> None:
    done = scorecard("--quick", "--only", "room", "--servers", "ours", "--results", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = tmp_path.iterdir()
    (row,) = json.loads((kept / "results.json").read_text())["measured"]
    assert row["id"] == "room/per_core"
    assert row["contenders"]["ours"]["median"] > 0
    assert (kept / "scorecard.png").stat().st_size > 0
    told = (kept / "results.md").read_text()
    assert "a room of 1,000" in told
    assert str(Path.home()) not in told, "no path of a machine is kept"


@pytest.mark.parametrize(("option", "known"), [("--only", "drops"), ("--servers", "centrifugo")])
def test_what_is_unknown_is_refused_by_name(option: str, known: str) -> None:
    refused = scorecard(option, "nonsense")

    assert refused.returncode == 2
    assert "unknown: nonsense" in refused.stderr
    assert known in refused.stderr
