"""What a process costs is seen over time, and a restart is no cost."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from observe.processes import cpu_seconds
from observe.sampler import Sampler

# Spends processor time and memory, and opens files, whenever it is told to, and says when it has.
SPENDER = """
import os, sys, time
held, files = [], []
print("ready", flush=True)
for _ in sys.stdin:
    held.append(b"x" * 20_000_000)
    files += [open(os.devnull) for _ in range(10)]
    while time.process_time() < 0.1 * len(held):
        pass
    print("spent", flush=True)
"""


class Spender:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SPENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._hear("ready")

    def spend(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._hear("spent")

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n"


@pytest.fixture
def spender() -> Iterator[Spender]:
    spender = Spender()
    yield spender
    spender.end()


async def test_what_a_process_spends_holds_and_opens_is_seen(spender: Spender) -> None:
    sampler = Sampler({"it": lambda: spender.pid})
    await sampler.look()
    spender.spend()
    await sampler.look()
    before, after = sampler.samples["it"]
    assert after.cpu_seconds - before.cpu_seconds > 0.05
    assert after.resident_bytes - before.resident_bytes > 10_000_000
    assert after.descriptors - before.descriptors == 10
    assert after.threads == before.threads == 1
    ((at, cores),) = sampler.cores("it")
    assert at == after.at_seconds
    assert cores > 0


def test_what_threads_spent_that_have_ended_still_counts() -> None:
    def spend() -> None:
        while time.thread_time() < 0.1:
            pass

    before = cpu_seconds(os.getpid())
    thread = threading.Thread(target=spend)
    thread.start()
    thread.join()
    assert cpu_seconds(os.getpid()) - before >= 0.1


async def test_a_restart_leaves_a_hole_and_costs_nothing(spender: Spender) -> None:
    pids: list[int | None] = [spender.pid]
    sampler = Sampler({"it": lambda: pids[0]})
    await sampler.look()
    pids[0] = None
    await sampler.look()
    pids[0] = os.getpid()
    await sampler.look()
    assert [sample.pid for sample in sampler.samples["it"]] == [spender.pid, os.getpid()]
    assert sampler.cores("it") == []


async def test_what_has_ended_leaves_a_hole(spender: Spender) -> None:
    sampler = Sampler({"it": lambda: spender.pid})
    spender.end()
    await sampler.look()
    assert sampler.samples["it"] == []
    with pytest.raises(ProcessLookupError):
        cpu_seconds(spender.pid)


async def test_a_gauge_that_does_not_answer_leaves_a_hole() -> None:
    answers = iter([1.0, None, 3.0])

    async def ask() -> float | None:
        return next(answers)

    sampler = Sampler({}, {"sockets": ask})
    for _ in range(3):
        await sampler.look()
    assert [value for _, value in sampler.gauges["sockets"]] == [1.0, 3.0]
