"""Whether a machine can hold what the settings let in."""

from dataclasses import replace

import pytest

from realtime.doctor.finding import Finding, Status
from realtime.doctor.machine_facts import Machine, ask_machine
from realtime.doctor.machine_verdicts import judge_machine
from realtime.settings import SocketSettings

GIB = 1_073_741_824
GOOD = Machine((3, 12, 1), {"uvloop": "1", "httptools": "1", "hiredis": "1"}, "uvloop", 1.0, 100_000, 4_096, 8 * GIB, 4)


def judged(machine: Machine, sessions: int = 50_000) -> dict[str, Finding]:
    found = judge_machine(machine, sessions, SocketSettings())
    return {finding.subject: finding for finding in found}


def test_of_a_machine_as_it_should_be_nothing_is_to_be_mended() -> None:
    assert {finding.status for finding in judged(GOOD).values()} == {Status.OK}


@pytest.mark.parametrize(
    ("machine", "subject", "status"),
    [
        (replace(GOOD, python=(3, 10, 9)), "Python", Status.FAIL),
        (replace(GOOD, packages=GOOD.packages | {"uvloop": None}), "quick parts", Status.WARN),
        (replace(GOOD, loop_late_ms=50), "event loop", Status.WARN),
        (replace(GOOD, descriptors=1_024), "descriptors", Status.FAIL),
        (replace(GOOD, descriptors=None), "descriptors", Status.OK),
        (replace(GOOD, backlog=128), "somaxconn", Status.WARN),
        (replace(GOOD, memory_bytes=GIB // 4), "memory", Status.FAIL),
    ],
)
def test_what_is_too_little_is_found(machine: Machine, subject: str, status: Status) -> None:
    found = judged(machine)
    assert found[subject].status is status
    assert bool(found[subject].mend) == (status is not Status.OK)
    assert {finding.status for name, finding in found.items() if name != subject} == {Status.OK}


def test_the_remedy_for_too_few_descriptors_or_too_little_memory_is_enough() -> None:
    few = replace(GOOD, descriptors=20_000, memory_bytes=GIB // 4)
    for subject in ("descriptors", "memory"):
        sessions = int(judged(few)[subject].mend.rpartition("=")[2])
        assert judged(few, sessions)[subject].status is Status.OK


def test_a_pod_without_sockets_needs_nothing_for_sessions() -> None:
    little = replace(GOOD, descriptors=1_024, memory_bytes=GIB // 4)
    assert {finding.status for finding in judged(little, sessions=0).values()} == {Status.OK}
    less = judged(replace(GOOD, descriptors=64, memory_bytes=GIB // 16), sessions=0)
    for subject in ("descriptors", "memory"):
        assert less[subject].status is Status.FAIL
        assert "SESSIONS" not in less[subject].mend


def test_what_a_machine_does_not_tell_is_not_judged() -> None:
    assert {"somaxconn", "memory"}.isdisjoint(judged(replace(GOOD, backlog=None, memory_bytes=None)))


async def test_this_machine_can_be_asked() -> None:
    machine = await ask_machine()
    assert machine.cores >= 1
    assert machine.loop_late_ms > 0
    assert machine.packages["hiredis"]
