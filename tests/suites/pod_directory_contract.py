"""What `presence.base.PodDirectory` promises. Subclass it where there are fixtures `directory` and `pass_time`."""

import asyncio
from collections.abc import Awaitable, Callable

from realtime.presence.base import PodDirectory, PodReport

LEASE_SECONDS = 0.2

PassTime = Callable[[float], Awaitable[None]]


def report(pod_id: str, name: str | None = None, **fields: object) -> PodReport:
    said: dict[str, object] = {
        "roles": ("intake", "sockets"),
        "connections": 3,
        "users": 2,
        "rooms": 7,
        "sockets_by_transport": {"websocket": 2, "polling": 1},
        "assigned_partitions": 4,
        "is_draining": False,
        "reported_at": "2026-11-23T12:00:00.000Z",
    }
    return PodReport(pod_id=pod_id, name=name or f"pod-{pod_id}", **(said | fields))


class PodDirectoryContract:
    async def test_without_reports_nobody_is_there(self, directory: PodDirectory) -> None:
        assert list(await directory.pods()) == []

    async def test_pods_that_report_are_there_as_they_said_by_name(self, directory: PodDirectory) -> None:
        said = [report("b", "zoë-1"), report("a", "web-2", is_draining=True), report("c", "web-1", roles=())]
        for one in said:
            await directory.report(one, 60)
        assert list(await directory.pods()) == [said[2], said[1], said[0]]

    async def test_pods_of_one_name_are_two(self, directory: PodDirectory) -> None:
        await directory.report(report("a", "web"), 60)
        await directory.report(report("b", "web"), 60)
        assert {pod.pod_id for pod in await directory.pods()} == {"a", "b"}

    async def test_the_last_report_counts(self, directory: PodDirectory) -> None:
        await directory.report(report("a", connections=1), 60)
        await directory.report(report("a", connections=2), 60)
        assert [pod.connections for pod in await directory.pods()] == [2]

    async def test_a_pod_that_falls_silent_is_gone_after_its_lease(
        self, directory: PodDirectory, pass_time: PassTime
    ) -> None:
        await directory.report(report("a"), LEASE_SECONDS)
        await directory.report(report("b"), 60)
        assert [pod.pod_id for pod in await directory.pods()] == ["a", "b"]
        await pass_time(LEASE_SECONDS)
        assert [pod.pod_id for pod in await directory.pods()] == ["b"]

    async def test_a_pod_that_was_gone_may_come_back(self, directory: PodDirectory, pass_time: PassTime) -> None:
        await directory.report(report("a"), LEASE_SECONDS)
        await pass_time(LEASE_SECONDS)
        assert list(await directory.pods()) == []
        await directory.report(report("a", connections=9), 60)
        assert [pod.connections for pod in await directory.pods()] == [9]

    async def test_a_report_renews_the_lease(self, directory: PodDirectory, pass_time: PassTime) -> None:
        await directory.report(report("a"), LEASE_SECONDS)
        await directory.report(report("a"), 60)
        await pass_time(LEASE_SECONDS)
        assert [pod.pod_id for pod in await directory.pods()] == ["a"]

    async def test_a_pod_that_leaves_is_gone_at_once(self, directory: PodDirectory) -> None:
        await directory.report(report("a"), 60)
        await directory.report(report("b"), 60)
        await directory.leave("a")
        await directory.leave("a")
        await directory.leave("never there")
        assert [pod.pod_id for pod in await directory.pods()] == ["b"]

    async def test_many_may_report_and_look_at_once(self, directory: PodDirectory) -> None:
        said = [report(f"{n:03}") for n in range(100)]
        await asyncio.gather(*(directory.report(one, 60) for one in said), *(directory.pods() for _ in range(20)))
        assert list(await directory.pods()) == said
