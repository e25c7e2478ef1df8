"""What stops a pod for a moment is noticed, and what its connections take."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from parts.waiting import eventually
from realtime.telemetry.counting import QuickHistogram
from realtime.telemetry.process import (
    MAX_PROBES_MISSED,
    ConnectionMemory,
    measured_gc,
    note_lag,
    probe_event_loop,
    resident_bytes,
)

BOUNDS = (0.05, 0.15, 0.25, 0.35, 10)


@pytest.fixture
def histogram() -> QuickHistogram:
    return QuickHistogram("h_seconds", "H.", BOUNDS, CollectorRegistry())


@pytest.fixture
async def probing(histogram: QuickHistogram) -> AsyncIterator[None]:
    probe = asyncio.create_task(probe_event_loop(histogram))
    yield
    probe.cancel()
    await asyncio.wait([probe])


def test_a_probe_that_is_on_time_counts_once(histogram: QuickHistogram) -> None:
    note_lag(histogram, 0.002)
    assert histogram._counts == [1, 0, 0, 0, 0, 0]


def test_a_stall_counts_for_each_probe_that_it_has_prevented(histogram: QuickHistogram) -> None:
    note_lag(histogram, 0.32)
    assert histogram._counts == [1, 1, 1, 1, 0, 0]
    assert histogram._sum == pytest.approx(0.32 + 0.22 + 0.12 + 0.02)


def test_a_machine_that_was_asleep_for_a_day_is_noted_in_no_time(histogram: QuickHistogram) -> None:
    note_lag(histogram, 86_400)
    assert sum(histogram._counts) == MAX_PROBES_MISSED + 1


@pytest.mark.usefixtures("probing")
async def test_a_loop_that_is_held_up_is_late(histogram: QuickHistogram) -> None:
    await eventually(lambda: sum(histogram._counts) >= 2, 5, "the loop is probed")
    time.sleep(0.5)
    await eventually(lambda: histogram._counts[-2] >= 1, 5, "it is found to be late")


def test_each_pause_of_the_garbage_collector_counts_while_it_is_asked_for(histogram: QuickHistogram) -> None:
    with measured_gc(histogram):
        before = sum(histogram._counts)
        gc.collect()
        assert sum(histogram._counts) == before + 1
    assert histogram._sum > 0
    counted = sum(histogram._counts)
    gc.collect()
    assert sum(histogram._counts) == counted


def test_without_connections_they_take_nothing() -> None:
    assert ConnectionMemory().per_connection(0) == 0


def test_what_they_take_is_divided_among_them() -> None:
    memory = ConnectionMemory()
    taken = bytearray(b"x" * 64_000_000)
    assert 300_000 < memory.per_connection(200) < 640_000
    assert memory.per_connection(1) > memory.per_connection(200) * 100
    del taken


def test_memory_that_was_given_back_is_not_less_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ConnectionMemory()
    monkeypatch.setattr("realtime.telemetry.process.resident_bytes", lambda: 1)
    assert memory.per_connection(10) == 0


def test_the_process_knows_what_it_takes() -> None:
    assert 10_000_000 < resident_bytes() < 100_000_000_000
