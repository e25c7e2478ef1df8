"""Who may come in now, who waits for a turn, and who is sent away."""

import asyncio
import time

import pytest

from realtime.limits.admission import LONGEST_WAIT_SECONDS, AdmissionQueue


async def test_a_burst_comes_in_at_once_and_the_next_ones_wait_up_to_a_number() -> None:
    queue = AdmissionQueue(per_second=1, burst=3, waiting_max=2)
    assert [queue.enter() for _ in range(3)] == [None] * 3
    assert [isinstance(queue.enter(), asyncio.Future) for _ in range(2)] == [True] * 2
    assert queue.waiting == 2
    with pytest.raises(asyncio.QueueFull):
        queue.enter()


async def test_those_who_wait_come_in_at_the_rate_and_in_the_order_in_which_they_came() -> None:
    queue, loop = AdmissionQueue(per_second=200, burst=1, waiting_max=100), asyncio.get_running_loop()
    began = loop.time()
    assert queue.enter() is None
    turns, order = [queue.enter() for _ in range(20)], list[int]()
    for number, turn in enumerate(turns):
        assert turn is not None
        turn.add_done_callback(lambda _, number=number: order.append(number))
    await asyncio.wait([turn for turn in turns if turn is not None])
    await asyncio.sleep(0)
    assert order == list(range(20))
    assert loop.time() - began >= 20 / 200
    assert queue.waiting == 0


async def test_nobody_overtakes_those_who_wait() -> None:
    queue = AdmissionQueue(per_second=50, burst=1, waiting_max=10)
    assert queue.enter() is None
    first = queue.enter()
    assert first is not None
    # There is a place in the bucket by now, and it is not the newcomer's.
    time.sleep(1 / 50)
    newcomer = queue.enter()
    assert newcomer is not None
    await first
    assert not newcomer.done()
    await newcomer


async def test_who_has_gone_takes_nobodys_turn() -> None:
    queue, loop = AdmissionQueue(per_second=20, burst=1, waiting_max=40), asyncio.get_running_loop()
    assert queue.enter() is None
    began = loop.time()
    gone = [queue.enter() for _ in range(30)]
    last = queue.enter()
    for turn in gone:
        assert turn is not None
        turn.cancel()
    assert last is not None
    await asyncio.wait_for(last, LONGEST_WAIT_SECONDS)
    assert loop.time() - began < 31 / 20
    assert queue.waiting == 0


async def test_who_would_wait_too_long_is_sent_away_at_once() -> None:
    queue = AdmissionQueue(per_second=3, burst=1, waiting_max=1_000)
    assert queue.enter() is None
    assert all(queue.enter() for _ in range(int(3 * LONGEST_WAIT_SECONDS)))
    with pytest.raises(asyncio.QueueFull):
        queue.enter()


async def test_without_places_nobody_waits() -> None:
    # So slow that no turn comes between the two, however busy the machine is.
    queue = AdmissionQueue(per_second=0.6, burst=1, waiting_max=0)
    assert queue.enter() is None
    with pytest.raises(asyncio.QueueFull):
        queue.enter()


async def test_all_who_wait_can_be_let_go_at_once() -> None:
    queue = AdmissionQueue(per_second=0.6, burst=1, waiting_max=10)
    assert queue.enter() is None
    turn = queue.enter()
    assert turn is not None
    queue.release()
    assert turn.done()
    assert queue.waiting == 0
