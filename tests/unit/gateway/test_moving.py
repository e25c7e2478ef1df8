"""A pod that leaves sends its sessions away in waves, in time, and at once when it must hurry."""

import asyncio
from typing import Any

from parts.waiting import eventually
from realtime.broker.base import Publication
from realtime.gateway.moving import LAST_WAVE_SECONDS, Moving
from realtime.protocol.disconnects import SERVER_DRAINING
from realtime.settings import DrainSettings
from unit.gateway.gatehouse import Gatehouse


class House(Gatehouse):
    """Whose clients go when they are closed, as clients do."""

    def moving(self, **drain: Any) -> Moving:
        settings = DrainSettings(**({"wave_interval_seconds": 0.001} | drain))
        return Moving(self.sessions, self.attachment, self.hearing, settings, self.metrics)

    async def fill(self, sessions: int) -> None:
        for number in range(sessions):
            await self.enter(f"s-{number}", f"u-{number}")
        self.attachment.sent.clear()

    async def let_go(self, closed: int) -> None:
        """Let the first that are closed go."""
        await eventually(lambda: len(self.attachment.closed) >= closed, 5, f"{closed} are closed")
        for session_id, _ in self.attachment.closed[:closed]:
            self.gateway.disconnected(session_id, "server disconnect")

    def left(self) -> float:
        return self.metrics.draining_sessions._value.get()


async def test_who_leaves_is_told_first_and_then_closed() -> None:
    async with House().running() as house:
        await house.fill(3)
        moving = asyncio.create_task(house.moving(retry_after_ms=700).move_all(60))
        await house.let_go(3)
        await moving
    assert {session_id for session_id, name, _ in house.attachment.sent if name == "server:draining"} == {
        "s-0",
        "s-1",
        "s-2",
    }
    assert all(0 <= data["retryAfterMs"] <= 700 for _, _, data in house.attachment.sent)
    assert {closing for _, closing in house.attachment.closed} == {SERVER_DRAINING}
    assert len(house.sessions) == 0


async def test_a_wave_is_closed_before_the_next_one_is_told() -> None:
    async with House().running() as house:
        await house.fill(5)
        told_when_closed = []
        close = house.attachment.close

        async def close_and_note(session_id: str, closing: Any) -> None:
            told_when_closed.append(len(house.attachment.sent))
            await close(session_id, closing)

        house.attachment.close = close_and_note  # type: ignore[method-assign]
        moving = asyncio.create_task(house.moving(wave_sockets=2).move_all(60))
        await house.let_go(5)
        await moving
    assert told_when_closed == [2, 2, 4, 4, 5]
    assert house.left() == 0


async def test_waves_grow_where_small_ones_would_not_leave_in_time() -> None:
    async with House().running() as house:
        await house.fill(10)
        # Five waves fit into this.
        moving = house.moving(wave_sockets=1, wave_interval_seconds=0.1)
        assert moving._wave_size(10, LAST_WAVE_SECONDS + 0.51) == 2
        assert moving._wave_size(10, LAST_WAVE_SECONDS + 60) == 1
        assert moving._wave_size(10, 0) == 10


async def test_nobody_is_taken_in_meanwhile() -> None:
    async with House().running() as house:
        await house.moving().move_all(60)
        assert house.sessions.is_draining


async def test_who_answers_the_notice_has_heard_all_and_who_is_silent_is_told_again() -> None:
    async with House().running() as house:
        await house.fill(2)
        for number in range(2):
            await house.broker.publish_once([Publication(b'2["news",{}]', (f"user:u-{number}",), 0)])
        moving = asyncio.create_task(house.moving().move_all(60))
        await eventually(lambda: len(house.attachment.sent) == 2, 5, "both are told")
        house.attachment.heard["s-0"]()
        await house.let_go(2)
        await moving
        house.sessions.is_draining = False
        missed = [(await house.enter(f"again-{n}", f"u-{n}")).was_away for n in range(2)]
        assert missed == [True, True]
        welcomes = [data["missed"] for _, name, data in house.attachment.sent if name == "connection:success"]
        assert welcomes == [0, 1]


async def test_in_a_hurry_nobody_waits() -> None:
    async with House().running() as house:
        await house.fill(6)
        moving = house.moving(wave_sockets=1, wave_interval_seconds=1_000)
        task = asyncio.create_task(moving.move_all(100_000))
        await eventually(lambda: bool(house.attachment.sent), 5, "the first wave is told")
        moving.hurry()
        await house.let_go(6)
        await task
        await moving.pause(1_000)
    assert len(house.attachment.closed) == 6
