"""The REST application over a broker in memory: one for all tests, or one of a test's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from unit.api.desk import Desk
from unit.fakes import AbsentBroker, AbsentPodDirectory


@pytest.fixture
async def make_desk() -> AsyncIterator[Callable[..., Desk]]:
    async with AsyncExitStack() as at_the_end:

        def make(**parts: object) -> Desk:
            desk = Desk(**parts)
            at_the_end.push_async_callback(desk.close)
            return desk

        yield make


@pytest.fixture(scope="session")
def shared_desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def desk_without_redis() -> Desk:
    return Desk(broker=AbsentBroker(), directory=AbsentPodDirectory())


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    shared_desk.begin_anew()
    return shared_desk
