"""The sessions of one process keep the contract."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from realtime.resumption.base import Refresh, as_it_is
from realtime.resumption.memory import MemoryResumableSessions, MemorySessionHub
from realtime.settings import RecoverySettings
from suites.resumption_contract import SESSION_SECONDS, MakeRunning, PassTime, ResumptionContract
from unit.fakes import FakeClock


@pytest.fixture
def sessions_hub(clock: FakeClock) -> MemorySessionHub:
    return MemorySessionHub(RecoverySettings(session_seconds=SESSION_SECONDS), clock)


async def _running(hub: MemorySessionHub, refresh: Refresh = as_it_is) -> AsyncIterator[MemoryResumableSessions]:
    sessions = MemoryResumableSessions(hub)
    task = asyncio.create_task(sessions.run(refresh))
    await asyncio.sleep(0)
    yield sessions
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def one(sessions_hub: MemorySessionHub) -> AsyncIterator[MemoryResumableSessions]:
    async for sessions in _running(sessions_hub):
        yield sessions


@pytest.fixture
async def other(sessions_hub: MemorySessionHub) -> AsyncIterator[MemoryResumableSessions]:
    async for sessions in _running(sessions_hub):
        yield sessions


@pytest.fixture
async def make_running(sessions_hub: MemorySessionHub) -> AsyncIterator[MakeRunning]:
    running = []

    async def make(refresh: Refresh) -> MemoryResumableSessions:
        running.append(_running(sessions_hub, refresh))
        return await anext(running[-1])

    yield make
    for each in running:
        await anext(each, None)


@pytest.fixture
def pass_time(clock: FakeClock) -> PassTime:
    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)

    return pass_time


class TestMemoryResumableSessions(ResumptionContract):
    pass
