"""What every unit test may use, and what none may do: write logs to the terminal, or see this machine's settings."""

import os
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import stamina
import structlog
from hypothesis import settings

from realtime.broker.memory import MemoryHub
from realtime.settings import HistorySettings
from realtime.telemetry.metrics import Metrics
from unit.fakes import FakeClock

# Quick by default; HYPOTHESIS_PROFILE=thorough looks for longer.
for profile, max_examples in (("quick", 40), ("thorough", 5_000)):
    settings.register_profile(profile, max_examples=max_examples, deadline=None, database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the test has logged so far."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture(autouse=True)
def without_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("REALTIME_"):
            monkeypatch.delenv(name)


@pytest.fixture
def retries_at_once() -> Iterator[None]:
    """What is retried without end is retried without delay, and ten times at most."""
    with stamina.set_testing(True, attempts=10):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def hub(clock: FakeClock) -> MemoryHub:
    return MemoryHub(HistorySettings(), clock)
