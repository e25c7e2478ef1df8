"""The broker of one process keeps the broker's contract."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.settings import HistorySettings
from suites.broker_contract import OneOrderContract
from suites.listening import ListeningPod, MakeBroker


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub(HistorySettings())


@pytest.fixture
def idle_broker(hub: MemoryHub) -> MemoryBroker:
    return MemoryBroker(hub, "idle")


@pytest.fixture
async def make_broker(hub: MemoryHub) -> AsyncIterator[MakeBroker]:
    async with AsyncExitStack() as at_the_end:

        async def make(pod_id: str | None = None) -> ListeningPod:
            pod_id = pod_id or f"pod-{len(hub.brokers)}"
            return await at_the_end.enter_async_context(ListeningPod(pod_id, MemoryBroker(hub, pod_id)))

        yield make


class TestMemoryBroker(OneOrderContract):
    pass
