"""A small climb on real parts, and what ends one."""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ceiling import __main__ as command
from ceiling import lateness, ramp
from ceiling.memory import Available, meminfo_bytes
from ceiling.ramp import Plan, Ramp
from ceiling.report import CeilingHeader, sentences, write_results
from ceiling.stage import INTAKE_PODS, Stage, evenly
from tool.frame import UNABLE

SOCKETS, PER_POD, ROOM = 120, 30, 6
HEADER = CeilingHeader(datetime.now(UTC), "0000000", "make ceiling", 1.0, {}, {}, 4, PER_POD, INTAKE_PODS)


@pytest.fixture
def is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look three times, and not for long."""
    for module, name, value in (
        (ramp, "TENTHS", 3),
        (ramp, "SETTLE_SECONDS", 0.1),
        (ramp, "QUIET_SECONDS", 0.2),
        (lateness, "USER_EVENTS", 20),
        (lateness, "ROOM_EVENTS", 5),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("is_quick")
async def test_every_message_is_heard_at_each_look_until_something_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    opened: list[int] = []

    def tell(sockets: int, _: int) -> None:
        opened.append(sockets)
        if sockets >= 40:
            monkeypatch.setattr(Available, "bytes", lambda _: 0)  # the next look finds nothing left

    async with Stage(tmp_path, SOCKETS, PER_POD, ROOM, said.append) as stage:
        climb = await Ramp(stage, Plan(SOCKETS, meminfo_bytes("MemAvailable") // 10, 300), tell, said.append).run()

    assert climb.ended_by.startswith("memory: less than")
    assert climb.is_whole
    assert [step.sockets for step in climb.steps] == [40, opened[-1]]
    assert 40 < opened[-1] < SOCKETS
    for step in climb.steps:
        assert step.room == ROOM
        assert step.of_users.arrived == 20
        assert step.of_room.arrived == 5 * ROOM
        assert step.handshakes_per_second > 0
    results = write_results(tmp_path, HEADER, climb)
    assert {path.name for path in results.iterdir()} == {"results.json", "results.md", "ceiling.png"}
    assert f"{opened[-1]} sockets at the last look, pods: 4. Ended by memory" in sentences(climb, HEADER)[0]


@pytest.mark.usefixtures("is_quick")
async def test_a_pod_that_is_killed_ends_the_climb_and_not_what_is_known_of_it(tmp_path: Path) -> None:
    async with Stage(tmp_path, SOCKETS, PER_POD, ROOM, lambda _: None) as stage:

        def tell(sockets: int, _: int) -> None:
            if sockets > SOCKETS // 2:
                stage.pairs[0].pod.signal(signal.SIGKILL)

        climb = await Ramp(stage, Plan(SOCKETS, 0, 300), tell, lambda _: None).run()

    assert climb.broke == "pod-0 ended with -9"
    assert climb.ended_by == "what broke: pod-0 ended with -9"
    assert [step.sockets for step in climb.steps] == [SOCKETS // 3]
    assert not climb.is_whole
    results = write_results(tmp_path, HEADER, climb)
    assert json.loads((results / "results.json").read_text())["broke"] == climb.broke


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sockets", "5"], "too few to look at tenths of"),
        (["--per-pod", "90000"], "more than a load client has room for"),
    ],
)
def test_what_cannot_work_is_told_at_once(arguments: list[str], words: str) -> None:
    app = typer.Typer()
    app.command()(command.main)

    refused = CliRunner().invoke(app, arguments)

    assert refused.exit_code == UNABLE
    assert words in refused.output


def test_sockets_are_spread_evenly() -> None:
    assert evenly(10, 4) == [3, 3, 2, 2]
    assert sum(evenly(999_983, 53)) == 999_983


@pytest.mark.parametrize(("available_gb", "sockets"), [(0.1, 10_000), (4, 170_000), (64, 1_000_000)])
def test_as_many_as_memory_promises_in_round_numbers(available_gb: float, sockets: int) -> None:
    assert command._promised(int(available_gb * 2**30)) == sockets
