"""Two pods that share a broker, without a network."""

from collections.abc import AsyncIterator

import pytest

from realtime.broker.memory import MemoryHub
from unit.transports.pods import SocketPod


@pytest.fixture
async def pod(hub: MemoryHub) -> AsyncIterator[SocketPod]:
    async with SocketPod(hub, "pod-aaaa").running() as running:
        yield running


@pytest.fixture
async def other_pod(hub: MemoryHub) -> AsyncIterator[SocketPod]:
    async with SocketPod(hub, "pod-bbbb").running() as running:
        yield running
