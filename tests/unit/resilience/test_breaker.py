"""A breaker opens, lets one probe through, and closes; what is no outage does not move it."""

import asyncio

import pytest

from realtime.errors import LimitExceeded, RedisUnavailable
from realtime.resilience.breaker import Breaker, State
from realtime.telemetry.metrics import Metrics
from unit.counts import count
from unit.fakes import FakeClock, a_breaker


@pytest.fixture
def breaker(clock: FakeClock, metrics: Metrics) -> Breaker:
    return a_breaker(clock, metrics, failures=3, open_seconds=10)


async def works() -> str:
    return "answer"


async def fails() -> str:
    raise RedisUnavailable("gone")


async def is_refused() -> str:
    raise LimitExceeded("as many as you may have")


async def open_it(breaker: Breaker) -> None:
    for _ in range(3):
        with pytest.raises(RedisUnavailable, match="gone"):
            await breaker.call(fails)


async def test_while_all_is_well_everybody_asks(breaker: Breaker) -> None:
    assert await asyncio.gather(*(breaker.call(works) for _ in range(100))) == ["answer"] * 100
    assert breaker.state is State.CLOSED


async def test_after_so_many_failures_in_a_row_nobody_asks(breaker: Breaker, metrics: Metrics) -> None:
    await open_it(breaker)
    with pytest.raises(RedisUnavailable, match="not asked for the moment") as error:
        await breaker.call(works)
    assert error.value.retryable
    assert breaker.state is State.OPEN
    assert count(metrics.breaker_transitions, dependency="redis", state="open") == 1
    assert count(metrics.breaker_state, dependency="redis") == State.OPEN


async def test_a_success_between_failures_begins_the_count_anew(breaker: Breaker) -> None:
    for _ in range(5):
        with pytest.raises(RedisUnavailable):
            await breaker.call(fails)
        await breaker.call(works)
    assert breaker.state is State.CLOSED


async def test_what_a_client_did_says_nothing_of_redis(breaker: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(LimitExceeded):
            await breaker.call(is_refused)
    assert breaker.state is State.CLOSED


async def test_one_probe_goes_through_and_closes_it(breaker: Breaker, clock: FakeClock) -> None:
    await open_it(breaker)
    clock.advance(10)
    answer = asyncio.Event()

    async def probe() -> None:
        await answer.wait()

    probing = asyncio.create_task(breaker.call(probe))
    await asyncio.sleep(0)
    assert breaker.state is State.HALF_OPEN
    with pytest.raises(RedisUnavailable, match="not asked"):
        await breaker.call(works)
    answer.set()
    await probing
    assert breaker.state is State.CLOSED
    assert await breaker.call(works) == "answer"


async def test_a_probe_that_fails_opens_it_for_as_long_again(breaker: Breaker, clock: FakeClock) -> None:
    await open_it(breaker)
    clock.advance(10)
    with pytest.raises(RedisUnavailable, match="gone"):
        await breaker.call(fails)
    assert breaker.state is State.OPEN
    clock.advance(9)
    with pytest.raises(RedisUnavailable, match="not asked"):
        await breaker.call(works)
    clock.advance(1)
    assert await breaker.call(works) == "answer"


async def test_a_probe_that_is_cancelled_or_refused_leaves_the_place_to_another(
    breaker: Breaker, clock: FakeClock
) -> None:
    await open_it(breaker)
    clock.advance(10)
    probing = asyncio.create_task(breaker.call(asyncio.Event().wait))
    await asyncio.sleep(0)
    probing.cancel()
    await asyncio.wait([probing])
    with pytest.raises(LimitExceeded):
        await breaker.call(is_refused)
    assert await breaker.call(works) == "answer"
    assert breaker.state is State.CLOSED


async def test_who_asked_before_it_opened_and_fails_later_opens_it_no_longer(
    breaker: Breaker, clock: FakeClock
) -> None:
    gone = asyncio.Event()

    async def fails_later() -> None:
        await gone.wait()
        raise RedisUnavailable("gone, too")

    late = asyncio.create_task(breaker.call(fails_later))
    await asyncio.sleep(0)
    await open_it(breaker)
    clock.advance(9)
    gone.set()
    await asyncio.wait([late])
    clock.advance(1)
    assert await breaker.call(works) == "answer"


async def test_who_waits_is_woken_when_it_is_time_or_when_it_closes(breaker: Breaker, clock: FakeClock) -> None:
    await breaker.until_askable()
    await open_it(breaker)
    waiting = [asyncio.create_task(breaker.until_askable()) for _ in range(3)]
    await asyncio.sleep(0)
    clock.advance(10)
    assert await breaker.call(works) == "answer"
    await asyncio.gather(*waiting)
