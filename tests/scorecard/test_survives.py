"""A run is worth more than one measurement: what fails is told, and the next one is made."""

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.processes import Server
from bench.run import Stage
from tool.machine import Cores


class Sleeper(Server):
    async def is_ready(self) -> bool:
        return True


async def test_a_pod_that_ends_while_it_is_measured_is_a_problem_with_its_log(tmp_path: Path) -> None:
    progress = Progress(console=Console(quiet=True))
    stage = Stage(directory=tmp_path, cores=Cores(0, 0), progress=progress, task=progress.add_task(""))
    sleeper = Sleeper("pod", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "pod", 0, 0)

    with stage.survives("a row"):
        async with stage.running(sleeper):
            await sleeper.kill()
            sleeper.cpu_seconds()

    (problem,) = stage.problems
    assert problem.startswith("a row: there is no process")
    assert "which ended with -9" in problem
