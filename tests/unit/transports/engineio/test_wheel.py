"""Deadlines of many, at one timer's cost."""

import asyncio

import pytest

from realtime.transports.engineio.wheel import Item, Wheel


class Guest:
    def __init__(self) -> None:
        self.wheel_slot: set[Item] | None = None
        self.told_at: list[float] = []

    def on_due(self) -> None:
        self.told_at.append(asyncio.get_running_loop().time())


@pytest.fixture
def wheel() -> Wheel:
    return Wheel(tick_seconds=0.005, longest_seconds=1)


async def until_told(guest: Guest) -> None:
    async with asyncio.timeout(5):
        while not guest.told_at:
            await asyncio.sleep(0.001)


async def test_nobody_is_told_before_the_deadline(wheel: Wheel) -> None:
    guests = [Guest() for _ in range(20)]
    began = asyncio.get_running_loop().time()
    for number, guest in enumerate(guests):
        wheel.arm(guest, number * 0.003)
    for number, guest in enumerate(guests):
        await until_told(guest)
        assert guest.told_at[0] - began >= number * 0.003
        assert len(guest.told_at) == 1


async def test_a_deadline_that_was_taken_away_is_not_told_and_a_new_one_replaces_the_old(wheel: Wheel) -> None:
    first, second, last = Guest(), Guest(), Guest()
    wheel.arm(first, 0.01)
    wheel.arm(second, 0.01)
    wheel.arm(second, 0.02)
    wheel.arm(last, 0.05)
    wheel.disarm(first)
    wheel.disarm(first)
    await until_told(last)
    assert (len(first.told_at), len(second.told_at)) == (0, 1)


async def test_it_stands_still_while_there_is_nothing_to_wait_for(wheel: Wheel) -> None:
    guest = Guest()
    assert wheel._timer is None
    wheel.arm(guest, 0.01)
    assert wheel._timer is not None
    await until_told(guest)
    await asyncio.sleep(0)
    assert wheel._timer is None


async def test_who_takes_anothers_deadline_away_while_being_told_has_done_so(wheel: Wheel) -> None:
    class Rival(Guest):
        other: "Rival"

        def on_due(self) -> None:
            super().on_due()
            wheel.disarm(self.other)

    one, two, last = Rival(), Rival(), Guest()
    one.other, two.other = two, one
    wheel.arm(one, 0.01)
    wheel.arm(two, 0.01)
    wheel.arm(last, 0.03)
    await until_told(last)
    assert len(one.told_at) + len(two.told_at) == 1


async def test_a_bug_of_one_does_not_stop_the_wheel(wheel: Wheel) -> None:
    class Buggy(Guest):
        def on_due(self) -> None:
            raise ZeroDivisionError

    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    buggy, last = Buggy(), Guest()
    wheel.arm(buggy, 0.01)
    wheel.arm(last, 0.03)
    await until_told(last)
    assert len(problems) == 1


async def test_when_the_loop_was_held_up_what_came_meanwhile_is_read_first() -> None:
    """A pod that stood still must not take its clients for dead: their pongs lie in the network's buffers."""
    wheel, guest, loop = Wheel(tick_seconds=0.1, longest_seconds=10), Guest(), asyncio.get_running_loop()
    wheel.arm(guest, 0.1)
    until = loop.time() + 0.6
    while loop.time() < until:
        pass
    await asyncio.sleep(0)  # the wheel's timer has been late by then
    await asyncio.sleep(0)
    assert guest.told_at == []
    await until_told(guest)
    assert guest.told_at[0] >= until + 0.1
