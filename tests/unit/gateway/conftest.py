"""What the gateway's tests stand in."""

from collections.abc import AsyncIterator

import pytest

from unit.gateway.gatehouse import Gatehouse


@pytest.fixture
async def house() -> AsyncIterator[Gatehouse]:
    async with Gatehouse().running() as running:
        yield running
