"""`make load`, whole: a cluster, Locust, the report; and what it says when it cannot."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from parts import swarm
from parts.waiting import eventually
from swarm.timeline import read

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'loadtest'}:{ROOT / 'tests'}"}
# However busy this machine is: how quick it must be is no matter of these tests.
NOTHING_LOST = "[connect]\ncount_min = 20\n[gap]\nfailures_max = 0\n[duplicate]\nfailures_max = 0\n"


async def run(*command: str, seconds: float = 100.0) -> swarm.Ran:
    process = await asyncio.create_subprocess_exec(
        *command, env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return swarm.Ran(process.returncode or 0, output.decode())


@pytest.fixture
def nothing_lost(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "nothing-lost.toml").write_text(NOTHING_LOST)
    return "--thresholds", str(tmp_path / "nothing-lost.toml")


async def test_a_short_load_ends_with_a_report(nothing_lost: tuple[str, str], tmp_path: Path) -> None:
    asked = ("--users", "60", "--seconds", "8", "--pods", "2", "--report", str(tmp_path / "report"), *nothing_lost)
    ran = await run(sys.executable, "-m", "load", *asked)
    assert ran.code == 0, ran.output
    assert "Kept: all 3 thresholds" in ran.output
    there = {path.name for path in (tmp_path / "report").iterdir()}
    pictures = {"connections.png", "throughput.png", "latency.png", "pods.png"}
    assert there == {"report.html", "results.json", "results.md", "timeline.jsonl", *pictures}
    # The same from the timeline alone, as of a run elsewhere.
    asked = (str(tmp_path / "report" / "timeline.jsonl"), "--report", str(tmp_path / "again"))
    again = await run(sys.executable, "-m", "load.of_timeline", *asked)
    assert again.code == 0, again.output
    assert (tmp_path / "again" / "report.html").exists()


async def test_a_worker_that_dies_leaves_a_report(nothing_lost: tuple[str, str], tmp_path: Path) -> None:
    where = tmp_path / "report"
    asked = ("--users", "60", "--seconds", "90", "--pods", "2", "--processes", "2", "--report", str(where))
    killed: list[int] = []

    def kill_a_worker() -> bool:
        # The master's second process is the first worker; the tool is this test's own child.
        for child in children(os.getpid()):
            for master in children(child):
                if b"swarm" in command(master) and len(workers := children(master)) == 2 and is_under_way(master):
                    os.kill(workers[0], signal.SIGKILL)
                    killed.append(workers[0])
                    return True
        return False

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(sys.executable, "-m", "load", *asked, *nothing_lost))
        tasks.create_task(eventually(kill_a_worker, 80, "two workers have people"))
    ran = running.result()
    assert ran.code == 3, ran.output
    # Workers are numbered as they come to their master.
    assert re.search(rf"Not carried out: worker [12] of 2 \(process {killed[0]} on", " ".join(ran.output.split()))
    assert (where / "report.html").exists()
    assert read(where / "timeline.jsonl").summary is not None


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def is_under_way(master: int) -> bool:
    told = command(master).split(b"\0")
    path = Path(told[told.index(b"--timeline") + 1].decode())
    return path.exists() and any(second.connected >= 20 for second in read(path).seconds)


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        ("exec python -m load --shape pear", "load: --shape pear: there is plateau, ramp"),
        ("exec python -m load --thresholds /nowhere.toml", "load: --thresholds /nowhere.toml: [Errno 2]"),
        (
            "ulimit -n 600; exec python -m load --users 500",
            "may open 600: raise the hard limit (as root `ulimit -Hn 1256`",
        ),
        ("exec python -m load --report /proc/report", "load: --report [Errno 2]"),
        ("exec python -m load.of_timeline /nowhere.jsonl", "load-report: /nowhere.jsonl: [Errno 2]"),
        ("exec python -m load.of_timeline /dev/null", "load-report: /dev/null holds no second of a run"),
        ("exec python -m load.capacity --transport pigeon", "swarm-capacity: --transport pigeon: there is websocket"),
    ],
)
async def test_what_cannot_work_is_told_in_one_line(command_line: str, message: str) -> None:
    ran = await run("sh", "-c", command_line.replace("python", sys.executable))
    assert ran.code == 2, ran.output
    assert message in ran.output
    assert len(ran.output.strip().splitlines()) == 1
