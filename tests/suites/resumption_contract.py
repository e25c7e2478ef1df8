"""What `resumption.base.ResumableSessions` promises. Subclass it where there are fixtures `one`, `other`, `pass_time`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from parts.waiting import eventually
from realtime.broker.place import Place
from realtime.resumption.base import Refresh, ResumableSession, ResumableSessions

SESSION_SECONDS = 1
PID = "p" * 32

PassTime = Callable[[float], Awaitable[None]]
MakeRunning = Callable[[Refresh], Awaitable[ResumableSessions]]


def session(session_id: str = "s-1", *, moves: int = 0, offset: int = 7) -> ResumableSession:
    rooms = {"user:u-42": Place("e", offset), "orders:u-42": Place("e", 9)}
    return ResumableSession(user_id="u-42", session_id=session_id, rooms=rooms, moves=moves)


class ResumptionContract:
    async def test_what_is_kept_on_one_pod_is_found_on_any(
        self, one: ResumableSessions, other: ResumableSessions
    ) -> None:
        assert await one.keep(PID, session())
        assert await other.find(PID) == await one.find(PID) == session()

    @pytest.mark.parametrize("pid", ["q" * 32, "", "short", "p" * 65, "p" * 31 + "*", "p" * 31 + "\n", "ü" * 32])
    async def test_what_was_never_kept_or_is_no_pid_is_not_found(self, one: ResumableSessions, pid: str) -> None:
        await one.keep(PID, session())
        assert await one.find(pid) is None

    async def test_who_holds_it_may_change_its_rooms(self, one: ResumableSessions, other: ResumableSessions) -> None:
        await one.keep(PID, session())
        assert await one.keep(PID, session(offset=8))
        assert await other.find(PID) == session(offset=8)

    async def test_who_took_it_over_holds_it_and_what_the_old_one_writes_late_is_refused(
        self, one: ResumableSessions, other: ResumableSessions
    ) -> None:
        await one.keep(PID, session("s-1"))
        taken = session("s-1").taken_over("s-2")
        assert await other.keep(PID, taken)
        assert not await one.keep(PID, session("s-1", offset=99))
        assert await one.find(PID) == taken

    async def test_of_two_that_take_it_over_the_first_is_believed(
        self, one: ResumableSessions, other: ResumableSessions
    ) -> None:
        await one.keep(PID, session("s-1"))
        first, second = session("s-1").taken_over("s-2"), session("s-1").taken_over("s-3")
        assert [await one.keep(PID, first), await other.keep(PID, second)] == [True, False]
        assert await other.find(PID) == first
        assert await other.keep(PID, first.taken_over("s-3"))

    async def test_a_released_session_can_be_found_for_some_time_and_no_longer(
        self, one: ResumableSessions, other: ResumableSessions, pass_time: PassTime
    ) -> None:
        await one.keep(PID, session())
        one.release(PID, "s-1")
        assert await other.find(PID) == session()
        await pass_time(2 * SESSION_SECONDS)
        assert await other.find(PID) is None

    async def test_a_connected_session_stays(
        self, one: ResumableSessions, other: ResumableSessions, pass_time: PassTime
    ) -> None:
        await one.keep(PID, session())
        await pass_time(3 * SESSION_SECONDS)
        assert await other.find(PID) == session()

    async def test_who_does_not_hold_it_does_not_release_it(self, one: ResumableSessions, pass_time: PassTime) -> None:
        taken = session("s-1").taken_over("s-2")
        await one.keep(PID, session("s-1"))
        await one.keep(PID, taken)
        one.release(PID, "s-1")
        one.release("q" * 32, "s-1")
        await pass_time(2 * SESSION_SECONDS)
        assert await one.find(PID) == taken

    async def test_what_nobody_will_come_back_to_is_forgotten(
        self, one: ResumableSessions, other: ResumableSessions
    ) -> None:
        await one.keep(PID, session())
        one.forget(PID, "s-1")
        assert await one.find(PID) is None
        other.forget("no pid", "s-1")

    async def test_who_does_not_hold_it_does_not_have_it_forgotten(
        self, one: ResumableSessions, other: ResumableSessions
    ) -> None:
        taken = session("s-1").taken_over("s-2")
        await one.keep(PID, session("s-1"))
        await other.keep(PID, taken)
        one.forget(PID, "s-1")
        assert await one.find(PID) == taken

    async def test_a_connected_session_is_kept_as_it_has_become(
        self, make_running: MakeRunning, other: ResumableSessions
    ) -> None:
        heard = replace(session(), heard=(Place("e", 99),))
        one = await make_running(lambda kept: heard if kept.session_id == "s-1" else kept)
        await one.keep(PID, session())

        async def is_refreshed() -> bool:
            return await other.find(PID) == heard

        await eventually(is_refreshed, 10 * SESSION_SECONDS, "its round comes")

    async def test_many_are_kept_and_found_at_once(self, one: ResumableSessions, other: ResumableSessions) -> None:
        pids = [f"{number:032}" for number in range(1_200)]
        assert all(await asyncio.gather(*(one.keep(pid, session(f"s-{pid}")) for pid in pids)))
        found = await asyncio.gather(*(other.find(pid) for pid in pids))
        assert [each.session_id for each in found if each is not None] == [f"s-{pid}" for pid in pids]
