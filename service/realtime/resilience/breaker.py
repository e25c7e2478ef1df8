"""A circuit breaker: who is away is not asked by everybody all the time.

No library lets one probe alone through a half-open breaker while the others wait for its outcome (`circuitbreaker`,
`pybreaker` and `purgatory` let every caller through, or fail them); and a Redis that comes back must not be met by all
partitions of all pods at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import NamedTuple, TypeVar

import structlog

from realtime.clock import Clock
from realtime.errors import DependencyError, KafkaUnavailable, RedisUnavailable
from realtime.settings import BreakerSettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

T = TypeVar("T")


class State(IntEnum):
    """As `realtime_breaker_state` tells it."""

    CLOSED = 0  # all is well
    HALF_OPEN = 1  # one probe is under way
    OPEN = 2  # not asked for now


class Breaker:
    """Stands before one dependency. `error` is what says that it is away.

    After `breaker.failures` in a row it opens; after `breaker.open_seconds` one caller is let through as a probe, whose
    outcome closes it or opens it again. What is no `DependencyError` says nothing of the dependency.
    """

    def __init__(
        self,
        dependency: str,
        error: type[DependencyError],
        settings: BreakerSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.dependency = dependency
        self._error = error
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._state = State.CLOSED
        self._failures = 0
        self._open_until_seconds = 0.0
        self._changed = asyncio.Event()
        metrics.breaker_state.labels(dependency).set(State.CLOSED)
        start_at_zero(metrics.retries, [dependency])
        start_at_zero(metrics.breaker_transitions, [dependency], [state.name.lower() for state in State])

    @property
    def state(self) -> State:
        """How it stands."""
        return self._state

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Ask once. Raises what the attempt raises, and `error` at once where nobody is to ask for now."""
        if not self._may_ask():
            raise self._error(f"{self.dependency} is away, and is not asked for the moment")
        if self._state is State.OPEN:
            self._turn(State.HALF_OPEN)
        is_probe = self._state is State.HALF_OPEN
        try:
            outcome = await attempt()
        except DependencyError:
            self._failed(is_probe=is_probe)
            raise
        except BaseException:
            if is_probe and self._state is State.HALF_OPEN:
                self._turn(State.OPEN)  # somebody else may probe at once
            raise
        self._failures = 0
        if self._state is not State.CLOSED:
            self._turn(State.CLOSED)
        return outcome

    async def until_askable(self) -> None:
        """Wait until a call would go through; whoever calls without waiting in between is sure that it does."""
        while not self._may_ask():
            self._changed.clear()
            left_seconds = self._open_until_seconds - self._clock.monotonic_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left_seconds) if self._state is State.OPEN else None):
                    await self._changed.wait()

    def note_retry(self) -> None:
        """Count an attempt that failed and is made again."""
        self._metrics.retries.labels(self.dependency).inc()

    def _may_ask(self) -> bool:
        if self._state is State.OPEN:
            return self._clock.monotonic_seconds() >= self._open_until_seconds
        return self._state is State.CLOSED

    def _failed(self, *, is_probe: bool) -> None:
        self._failures += 1
        # Who asked before it opened, and fails only now, says nothing new.
        if is_probe or (self._state is State.CLOSED and self._failures >= self._settings.failures):
            self._open_until_seconds = self._clock.monotonic_seconds() + self._settings.open_seconds
            self._turn(State.OPEN)

    def _turn(self, state: State) -> None:
        was, self._state = self._state, state
        self._changed.set()
        self._metrics.breaker_state.labels(self.dependency).set(state)
        self._metrics.breaker_transitions.labels(self.dependency, state.name.lower()).inc()
        if state is State.CLOSED:
            log.info("breaker_closed", dependency=self.dependency)
        elif was is State.CLOSED:
            log.warning("breaker_opened", dependency=self.dependency, failures_in_a_row=self._failures)


class Breakers(NamedTuple):
    """One for each dependency."""

    redis: Breaker
    kafka: Breaker


def make_breakers(settings: BreakerSettings, clock: Clock, metrics: Metrics) -> Breakers:
    """Make a pod's breakers."""
    return Breakers(
        Breaker("redis", RedisUnavailable, settings, clock, metrics),
        Breaker("kafka", KafkaUnavailable, settings, clock, metrics),
    )
