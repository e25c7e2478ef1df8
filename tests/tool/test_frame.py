"""A tool ends with a line that says why, and leaves nothing behind but its results."""

import asyncio
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parts.child import Child
from parts.waiting import eventually
from tool import machine
from tool.errors import Failed, Unable
from tool.frame import begun, chosen
from tool.kept import Header
from tool.needs import need_programs


class Broken(Child):
    """Ends as soon as it is started."""

    def __init__(self, directory: Path) -> None:
        super().__init__("broken", [sys.executable, "-c", "print('no port'); raise SystemExit(3)"], directory)

    async def is_ready(self) -> bool:
        return False


class BadSettings(Exception):
    """A refusal of some tool."""


async def never() -> None:
    await eventually(lambda: False, 0.01, "everything is heard")


async def never_in_a_group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(never())


@pytest.mark.parametrize(
    ("error", "code"), [(Unable("there is no Kafka"), 2), (BadSettings("--users 0"), 2), (Failed("a pod has ended"), 1)]
)
def test_an_error_that_says_all_is_told_in_a_line(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, begun("soak", BadSettings):
        raise error

    assert ended.value.code == code
    assert capsys.readouterr().err == f"soak: {error}\n"


def test_a_part_that_does_not_start_is_told_with_the_end_of_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, begun("soak") as tool:
        asyncio.run(Broken(tool.directory / "broken").start())

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("soak: broken ended with 3\n")
    assert said.endswith("no port\n")


@pytest.mark.parametrize("wait", [never, never_in_a_group])
def test_what_was_waited_for_in_vain_is_told(wait: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(wait)
    with pytest.raises(SystemExit) as ended, begun("soak"):
        asyncio.run(wait())

    assert ended.value.code == 1
    assert capsys.readouterr().err == "soak: not within 0.01 s: everything is heard\n"


def test_a_bug_is_told_with_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), begun("soak"):
        raise ZeroDivisionError


def test_an_interruption_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, begun("soak"):
        raise KeyboardInterrupt

    assert ended.value.code == 130
    assert capsys.readouterr().err == "soak: interrupted\n"


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_who_is_terminated_is_interrupted_also_in_the_background(
    handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def be_terminated() -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.Event().wait()

    before = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(SystemExit) as ended, begun("soak"):
            asyncio.run(be_terminated())
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before[1])

    assert ended.value.code == 130
    assert capsys.readouterr().err == "soak: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before[0]


def test_its_directory_goes_when_it_ends() -> None:
    with begun("soak") as tool:
        (tool.directory / "log").touch()
        directory = tool.directory

    assert not directory.exists()


def test_a_header_says_what_it_was_beside_and_what_its_kind_has_besides() -> None:
    @dataclass(frozen=True)
    class WithCores(Header):
        cores: int

    with begun("soak") as tool:
        header = tool.header(WithCores, beside=["Redis 7", "haproxy 2"], versions={"Node": "24"}, cores=2)

    assert header.command.startswith("make soak")
    assert header.versions["beside"] == "Redis 7, haproxy 2"
    assert header.versions["Node"] == "24"
    assert header.versions["Python"]
    assert header.machine["descriptors"]
    assert header.cores == 2
    assert header.seconds >= 0


def test_names_are_read_in_the_order_in_which_they_are_known() -> None:
    assert chosen(" c, a", ("a", "b", "c")) == ["a", "c"]
    assert chosen("", ("a", "b")) == ["a", "b"]
    with pytest.raises(Unable, match="unknown: x; there are a, b"):
        chosen("a,x", ("a", "b"))


def test_a_program_that_is_absent_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unable, match="nginx is absent: apt-get install nginx-light"):
        need_programs("nginx")


def test_the_hard_limit_of_descriptors_is_what_counts() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))

        assert machine.need_descriptors(before[1], "so many sockets") == before[1]
        with pytest.raises(Unable, match=f"6,000 sockets take .* `ulimit -Hn {before[1] + 1}`"):
            machine.need_descriptors(before[1] + 1, "6,000 sockets")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
