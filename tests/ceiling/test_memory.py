"""Where memory goes is read as the kernel tells it."""

import os
import subprocess
import sys

import pytest

from ceiling import memory
from ceiling.memory import BYTES_PER_KB, Available, Memory, kernel_bytes, meminfo_bytes, proportional_bytes

MEGABYTES = 50
HOLDER = f'held = b"x" * {MEGABYTES * 1_024 * 1_024}; print("ready", flush=True); input()'


def test_what_a_process_holds_is_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        held = proportional_bytes([holder.pid])
        holder.communicate(b"\n")

    assert MEGABYTES * BYTES_PER_KB**2 < held < 2 * MEGABYTES * BYTES_PER_KB**2


def test_the_machine_is_looked_at() -> None:
    assert 0 < kernel_bytes() < meminfo_bytes("MemTotal")
    assert meminfo_bytes("NoSuchField") == 0
    assert proportional_bytes([os.getpid()]) > 0


def test_what_has_grown_is_shared_out_among_sockets() -> None:
    grown = Memory(pods=300, redis=200, kernel=500, clients=50) - Memory(pods=100, redis=100, kernel=100, clients=0)

    assert grown == Memory(pods=200, redis=100, kernel=400, clients=50)
    assert grown.total == 750
    assert (Memory(10 * BYTES_PER_KB, 0, 5 * BYTES_PER_KB, 0)).each(5) == {
        "pods": 2.0,
        "redis": 0.0,
        "kernel": 1.0,
        "clients": 0.0,
    }


def test_slabs_of_open_sockets_cannot_be_had_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"SReclaimable": 100, "MemAvailable": 1_000}
    monkeypatch.setattr(memory, "meminfo_bytes", told.__getitem__)
    available = Available()
    assert available.bytes() == 1_000

    told["SReclaimable"] = 300
    assert available.bytes() == 800

    told["SReclaimable"] = 50
    assert available.bytes() == 1_000
