"""A pod as the broker sees it: a broker that runs, and a listener that writes down all it is told."""

import asyncio
import contextlib
import itertools
import math
from collections.abc import Collection, Sequence
from typing import Protocol, Self

from parts.waiting import eventually
from realtime.broker.base import Broker, Delivery, Publication, PublishedRecord, RecordBatch
from realtime.broker.redis import RedisBroker
from realtime.broker.sharded import ShardedBroker
from realtime.errors import RedisUnavailable

PATIENCE_SECONDS = 10.0
_fences = itertools.count(1)


def publication(packet: str | bytes, *rooms: str, **fields: object) -> Publication:
    """Make a publication that happened at 1."""
    encoded = packet.encode() if isinstance(packet, str) else packet
    return Publication(encoded, rooms, **{"occurred_ms": 1, **fields})


def batch(
    after: int, *records: tuple[int, Sequence[Publication]], topic: str = "orders", number: int = 0
) -> RecordBatch:
    """Make a batch of (Kafka offset, publications)."""
    return RecordBatch(topic, number, after, [PublishedRecord(offset, list(of_it)) for offset, of_it in records])


async def history(broker: Broker, *rooms: str) -> Sequence[Delivery]:
    """Return all that the rooms' histories hold; also of a broker that does not run."""
    if isinstance(broker, RedisBroker):
        return await broker._read_history(dict.fromkeys(rooms, 0), 2**53)
    return (await broker.newest(rooms, None, 1_000_000, 86_400)).deliveries


class Ears:
    """A `BrokerListener` that remembers."""

    def __init__(self) -> None:
        self.heard: list[Delivery | bytes] = []
        self.gaps: list[str] = []

    def on_gap(self, rooms: Collection[str]) -> None:
        self.gaps += rooms

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self.heard += deliveries

    def on_signal(self, signal: bytes) -> None:
        self.heard.append(signal)


class ListeningPod:
    """A broker that runs for as long as the `async with` does; an error of `run` is raised at its end."""

    def __init__(self, pod_id: str, broker: Broker) -> None:
        self.id = pod_id
        self.broker = broker
        self.ears = Ears()
        self.listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.listening = asyncio.create_task(self.broker.run(self.ears))
        await self.hears_itself()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_listening()
        await self.broker.close()

    async def stop_listening(self) -> None:
        assert self.listening is not None
        self.listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.listening

    async def hears_itself(self) -> None:
        assert self.listening is not None
        await eventually(
            lambda: self.listening.done() or self.broker.heard_seconds_ago() != math.inf,
            PATIENCE_SECONDS,
            f"pod {self.id} hears itself",
        )
        if self.listening.done():
            await self.listening

    @property
    def deliveries(self) -> list[Delivery]:
        return [heard for heard in self.ears.heard if isinstance(heard, Delivery)]

    @property
    def signals(self) -> list[bytes]:
        return [heard for heard in self.ears.heard if isinstance(heard, bytes)]

    def packets(self, room: str | None = None) -> list[str]:
        """Return what was delivered (into one room), in order."""
        return [d.packet.decode() for d in self.deliveries if room in {None, d.room}]

    async def has_heard_all(self) -> None:
        """Wait until it has been told all that was published before this call: a signal comes in order behind it."""
        shards = self.broker.shards if isinstance(self.broker, ShardedBroker) else [self.broker]
        fences = {f"fence {next(_fences)}".encode(): shard for shard in shards}
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while unheard := fences.keys() - set(self.signals):
            assert asyncio.get_running_loop().time() < until, f"pod {self.id} does not hear its fence"
            with contextlib.suppress(RedisUnavailable):  # a deaf pod loses it; then another one is sent
                for fence in unheard:
                    await fences[fence].signal_pod(self.id, fence)
            with contextlib.suppress(AssertionError):
                await eventually(lambda: not fences.keys() - set(self.signals), 0.2, "the fences")
        self.ears.heard = [heard for heard in self.ears.heard if heard not in fences]

    async def hears(self, packet: str) -> None:
        await eventually(lambda: packet in self.packets(), PATIENCE_SECONDS, f"pod {self.id} hears {packet}")


class MakeBroker(Protocol):
    """Starts pods that end with the test; all of one test share a hub, or a part of a Redis."""

    async def __call__(self, pod_id: str | None = None) -> ListeningPod: ...
