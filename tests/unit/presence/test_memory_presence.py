"""The presence of one process keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from realtime.presence.memory_devices import MemoryPresence, MemoryPresenceHub
from realtime.settings import HistorySettings, PresenceSettings
from suites.presence_contract import LEASE_SECONDS, MakePod, PassTime, PresenceContract, PresencePod
from unit.fakes import FakeClock


@pytest.fixture
async def make_pod(clock: FakeClock) -> AsyncIterator[MakePod]:
    hub = MemoryPresenceHub(PresenceSettings(lease_seconds=LEASE_SECONDS), HistorySettings(), clock)
    pods: list[PresencePod] = []

    async def make_pod(pod_id: str) -> PresencePod:
        pods.append(pod := PresencePod(pod_id, lambda told: MemoryPresence(hub, told)))
        await pod.start()
        return pod

    yield make_pod
    for pod in pods:
        await pod.die()


@pytest.fixture
def pass_time(clock: FakeClock) -> PassTime:
    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)

    return pass_time


class TestMemoryPresence(PresenceContract):
    pass
