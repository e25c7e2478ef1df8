"""What a dependency refuses is tried again without end; everything else is not."""

import asyncio
import gc
from typing import NoReturn

import pytest

from parts.waiting import eventually
from realtime.errors import DependencyError, KafkaUnavailable, RedisUnavailable
from realtime.resilience.breaker import State
from realtime.resilience.retry import until_available
from unit.fakes import FakeClock, a_breaker


class Dependency:
    """Is away `failures` times, and then answers."""

    def __init__(self, failures: int, error: type[Exception] = RedisUnavailable) -> None:
        self._failures = failures
        self._error = error
        self.attempts = 0

    async def ask(self) -> str:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise self._error(f"attempt {self.attempts}")
        return "answer"


def must_not_be_told(error: DependencyError) -> NoReturn:
    raise AssertionError(error)


async def test_what_answers_at_once_is_asked_once() -> None:
    dependency = Dependency(failures=0)
    assert await until_available(a_breaker(failures=1_000_000_000), dependency.ask, must_not_be_told) == "answer"
    assert dependency.attempts == 1


@pytest.mark.usefixtures("retries_at_once")
@pytest.mark.parametrize("error", [RedisUnavailable, KafkaUnavailable])
async def test_what_is_away_is_asked_until_it_answers_and_each_failure_is_told(error: type[DependencyError]) -> None:
    told: list[str] = []
    dependency = Dependency(failures=5, error=error)
    assert (
        await until_available(
            a_breaker(failures=1_000_000_000), dependency.ask, lambda failure: told.append(str(failure))
        )
        == "answer"
    )
    assert told == [f"attempt {number}" for number in range(1, 6)]


@pytest.mark.usefixtures("retries_at_once")
@pytest.mark.parametrize("error", [ValueError, OSError, TimeoutError, asyncio.CancelledError])
async def test_what_is_no_outage_passes_through_at_once(error: type[Exception]) -> None:
    dependency = Dependency(failures=1, error=error)
    with pytest.raises(error):
        await until_available(a_breaker(failures=1_000_000_000), dependency.ask, must_not_be_told)
    assert dependency.attempts == 1


async def test_who_waits_for_a_dependency_can_be_cancelled() -> None:
    has_failed = asyncio.Event()
    dependency = Dependency(failures=1_000_000)
    waiting = asyncio.create_task(
        until_available(a_breaker(failures=1_000_000_000), dependency.ask, lambda _: has_failed.set())
    )
    await has_failed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_while_a_breaker_is_open_one_of_many_probes_and_all_go_on_when_it_closes() -> None:
    clock, failures = FakeClock(), 3
    breaker = a_breaker(clock, failures=failures, open_seconds=1_000)
    dependency = Dependency(failures=failures + 1)
    waiting = [asyncio.create_task(until_available(breaker, dependency.ask, lambda _: None)) for _ in range(50)]
    await eventually(lambda: breaker.state is State.OPEN, 5, "the breaker opens")
    attempts_until_open = dependency.attempts
    clock.advance(1_000)
    breaker._changed.set()  # as the timer would
    await eventually(lambda: dependency.attempts > attempts_until_open, 5, "somebody probes")
    assert dependency.attempts == attempts_until_open + 1
    clock.advance(1_000)
    breaker._changed.set()
    assert await asyncio.gather(*waiting) == ["answer"] * 50
    assert breaker.state is State.CLOSED


async def test_what_answers_at_once_leaves_nothing_to_the_garbage_collector() -> None:
    breaker, dependency = a_breaker(), Dependency(failures=0)
    await until_available(breaker, dependency.ask, must_not_be_told)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await until_available(breaker, dependency.ask, must_not_be_told)
        assert gc.collect() < 10
    finally:
        gc.enable()
