"""What metrics cost a pod that fans out: `.venv/bin/python -m loadtest.micro.metrics` from the repository's root.

Pods with all metrics and pods whose metrics do nothing take turns, in one process, from the bytes of a room's channel
to real TCP sockets, which another process reads. What counts is CPU time of a delivery: how long this machine does
something else meanwhile makes no difference.
"""

import asyncio
import math
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvloop

from realtime.broker import wire
from realtime.broker.base import Publication
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.clock import SystemClock
from realtime.server import settle_memory
from realtime.settings import HistorySettings, HttpSettings, SocketSettings
from realtime.telemetry.exposition import write
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.process import measured_gc, probe_event_loop
from realtime.transports.engineio.connection import Connection
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server

SOCKETS: Final = 1_000
# Many and short ones, of which some are not disturbed by whatever else runs on the machine.
ROUNDS: Final = 200
DELIVERIES_A_ROUND: Final = 2_000
MESSAGES_A_TURN: Final = 16
SCRAPES: Final = 30
CALLS_A_ROUND: Final = 5_000
PACKET: Final = (
    b'2["order:updated",{"orderId":"o-4711","status":"shipped","trackingNumber":"1Z999","padding":"%s"}]' % (b"x" * 80)
)
TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# Whether there are metrics, and whether each message is of a trace that is kept.
WAYS: Final = ((False, False), (True, False), (False, True), (True, True))


class Nothing:
    """A metric that does nothing."""

    def inc(self, amount: int = 1) -> None:
        """As `QuickCounter.inc`."""

    def observe(self, value: float, traceparent: str | None = None) -> None:
        """As `QuickHistogram.observe`."""

    def labels(self, *_: str) -> "Nothing":
        """As any labelled metric's."""
        return self


class NoMetrics:
    """All of a pod's metrics, none of which counts anything."""

    def __init__(self) -> None:
        vars(self).update((name, Nothing()) for name in vars(Metrics()))


@dataclass
class Scene:
    """Rooms of a size, and how many messages come for each of them in one turn of the event loop."""

    members: int
    burst: int

    def __str__(self) -> str:
        return f"{self.members:,} a room, {self.burst} at once"


SCENES: Final = [Scene(1, 1), Scene(1, 16), Scene(10, 1), Scene(100, 1), Scene(1_000, 1)]


class Pod:
    """A pod's sockets: rooms of each size, in all of which each socket is."""

    def __init__(self, metrics: Any) -> None:
        broker = MemoryBroker(MemoryHub(HistorySettings()), "micro")
        self.manager = BrokerManager(broker, "micro", SystemClock(), metrics)
        # Those who only read answer no pings.
        sockets = SocketSettings(ping_interval_seconds=86_400)
        self.engine = make_engine("micro", HttpSettings(), sockets, metrics, SOCKETS)
        make_socketio_server(self.manager, "micro", self.engine)
        self.manager.attach(self.engine)

    async def fill(self) -> None:
        """Let everybody in."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Greeter(self), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sink = [sys.executable, "-m", "loadtest.micro.sink", str(port), str(SOCKETS)]
        self._sink = subprocess.Popen(sink)  # noqa: ASYNC220 - nobody waits meanwhile
        while len(self.engine.connections) < SOCKETS:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0.01)
        server.close()
        for number, connection in enumerate(list(self.engine.connections.values())):
            sid = await self.manager.pre_connect(connection.sid, "/")
            assert sid is not None
            await self.manager.connect(sid, "/")
            for members in {scene.members for scene in SCENES}:
                self.manager.basic_enter_room(sid, "/", f"{members}:{number // members}")

    async def fan_out(self, scene: Scene, *, traced: bool) -> float:
        """Microseconds of CPU for each delivery of a round, from the channels' bytes to the sockets."""
        rooms = SOCKETS // scene.members
        rooms_a_turn = min(rooms, MESSAGES_A_TURN // scene.burst)
        deliveries_a_turn = rooms_a_turn * scene.burst * scene.members
        turns = max(1, DELIVERIES_A_ROUND // deliveries_a_turn)
        payloads = [
            [
                (f"{scene.members}:{(turn * rooms_a_turn + room) % rooms}", _payload(traced=traced))
                for room in range(rooms_a_turn)
                for _ in range(scene.burst)
            ]
            for turn in range(turns)
        ]
        began = time.process_time()
        for payload in payloads:
            self.manager.on_deliveries([wire.decode(room, text) for room, text in payload])
            await asyncio.sleep(0)
        spent = time.process_time() - began
        await asyncio.sleep(0.005)  # for those who read
        return spent / (turns * deliveries_a_turn) * 1e6

    async def end(self) -> None:
        """Send everybody away."""
        for connection in list(self.engine.connections.values()):
            connection.close("server disconnect")
        await asyncio.to_thread(self._sink.wait)


def _payload(*, traced: bool) -> bytes:
    publication = Publication(PACKET, ("r",), time.time_ns() // 1_000_000, traceparent=TRACEPARENT if traced else None)
    return wire.with_offset("epoch", 4_711, wire.encode(publication))


class _Greeter(asyncio.Protocol):
    """Takes a client for one that has shaken hands."""

    def __init__(self, pod: Pod) -> None:
        self._engine = pod.engine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection: Connection = self._engine.open({})
        connection.connect_websocket(transport, self._engine.new_reader())  # type: ignore[arg-type]


@asynccontextmanager
async def pods() -> AsyncIterator[tuple[Pod, Pod, Metrics]]:
    """Both kinds of pods, and the metrics of the one that has any."""
    metrics = Metrics()
    with measured_gc(metrics.gc_pauses):
        probe = asyncio.create_task(probe_event_loop(metrics.event_loop_lag))
        async with AsyncExitStack() as at_the_end:
            both = Pod(NoMetrics()), Pod(metrics)
            for pod in both:
                await pod.fill()
                at_the_end.push_async_callback(pod.end)
            settle_memory()
            yield *both, metrics
        probe.cancel()


async def measure() -> None:
    """Print the cost of a delivery either way, and that of a scrape."""
    async with pods() as (without, with_all, metrics):
        print(f"us of CPU a delivery, the best of {ROUNDS} rounds that take turns; {SOCKETS:,} sockets\n")
        print(f"{'rooms':24}{'no metrics':>11}{'all':>8}{'cost':>8}   {'traced: none':>12}{'all':>8}{'cost':>8}")
        for scene in SCENES:
            best = dict.fromkeys(WAYS, math.inf)
            for _ in range(ROUNDS):
                for counts, traced in random.sample(WAYS, len(WAYS)):
                    pod = with_all if counts else without
                    best[counts, traced] = min(best[counts, traced], await pod.fan_out(scene, traced=traced))
            plain, traced_too = (f"{_compare(best[False, traced], best[True, traced])}" for traced in (False, True))
            print(f"{scene!s:24}{plain}    {traced_too}", flush=True)
        print()
        for name, metric in (("nothing", Nothing()), ("all", metrics.delivery_latency)):
            print(f"what is called for each message of a room, {name}: {_call_us(metric):.3f} us")
        for accept in ("text/plain", "application/openmetrics-text"):
            began = time.process_time()
            for _ in range(SCRAPES):
                content, _type = write(metrics.registry, accept)
            ms = (time.process_time() - began) / SCRAPES * 1e3
            print(f"a scrape, {accept}: {len(content):,} bytes, {ms:.1f} ms of CPU")


def _call_us(latency: Any) -> float:
    """The calls alone, which differ less from run to run than what they are a small part of."""
    best = math.inf
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS_A_ROUND):
            latency.observe(0.003, None)
        best = min(best, time.process_time() - began)
    return best / CALLS_A_ROUND * 1e6


def _compare(without: float, with_it: float) -> str:
    return f"{without:11.3f}{with_it:8.3f}{1 - without / with_it:8.1%}"  # the cost: that part of the throughput


if __name__ == "__main__":
    uvloop.run(measure())
