"""The directory of one process keeps the directory's contract."""

import pytest

from realtime.presence.memory import MemoryPodDirectory
from suites.pod_directory_contract import PassTime, PodDirectoryContract


class StoppedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def wall_ms(self) -> int:
        return int(self.seconds * 1_000)

    def monotonic_seconds(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def directory(clock: StoppedClock) -> MemoryPodDirectory:
    return MemoryPodDirectory(clock)


@pytest.fixture
def pass_time(clock: StoppedClock) -> PassTime:
    async def pass_time(seconds: float) -> None:
        clock.seconds += seconds

    return pass_time


class TestMemoryPodDirectory(PodDirectoryContract):
    pass
