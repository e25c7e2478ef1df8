"""`make scale` as it is begun, with one and two small pods; and what it says to bad input."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def scale(*options: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(ROOT / name) for name in ("loadtest", "tests"))
    return subprocess.run(
        [sys.executable, "-m", "scale", *options],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(240)
async def test_two_pods_lose_nothing_and_one_without_sockets_hears_nothing(tmp_path: Path) -> None:
    options = ["--pods", "1,2", "--users", "10", "--events-per-second", "10", "--seconds", "2", "--repetitions", "1"]

    done = await asyncio.to_thread(scale, *options, "--results", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = tmp_path.iterdir()
    told = json.loads((results / "results.json").read_text())
    assert [step["pods"] for step in told["steps"]] == [1, 2]
    for step in told["steps"]:
        orders = step["phases"]["orders"]
        # Two messages of each event to its user, and an admin's, whom nobody is: heard once each, by one pod each.
        assert orders["messages"] == 2 * orders["events"] > 0
        assert sum(pod["room_messages"] for pod in orders["reading"]["pods"].values()) == orders["messages"]
        assert sum(pod["records"] for pod in orders["reading"]["pods"].values()) == orders["events"]
        assert step["memberless"]["room_subscriptions"] == 0
    assert "| lost | 0 | 0 |" in (results / "results.md").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pods", "two"), "--pods: numbers by commas"),
        (("--pods", "4,2"), "--pods: growing numbers"),
        (("--users", "10000000"), "ulimit -Hn"),
        (("--events-per-second", "0.1", "--seconds", "1"), "--seconds 1: half of it"),
    ],
)
def test_what_cannot_work_is_told_at_once(options: tuple[str, ...], said: str) -> None:
    done = scale(*options)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
