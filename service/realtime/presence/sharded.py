"""Presence divided into shards, as rooms are: each user's is where the user's rooms are, whose places it compares."""

import asyncio
from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from realtime.broker.place import Place
from realtime.presence.base import Arrival, Device, Presence
from realtime.presence.redis_devices import RedisPresence
from realtime.protocol.rooms import shard_of, user_room
from realtime.redis.keys import Keys
from realtime.settings import HistorySettings, PresenceSettings
from realtime.telemetry.metrics import Metrics


def make_redis_presence(
    clients: Sequence[Redis],
    key_prefix: str,
    presence: PresenceSettings,
    history: HistorySettings,
    pod_id: str,
    told: Sequence[Callable[[], Place | None]],
    metrics: Metrics,
) -> Presence:
    """Make the presence over all shards; each has its client, and says how far this pod has told what came from it."""
    shards = [
        RedisPresence(client, Keys(key_prefix, shard), presence, history, pod_id, of_shard, metrics)
        for shard, (client, of_shard) in enumerate(zip(clients, told, strict=True))
    ]
    return shards[0] if len(shards) == 1 else ShardedPresence(shards)


class ShardedPresence:
    """See `Presence`."""

    def __init__(self, shards: Sequence[Presence]) -> None:
        self._shards = shards
        self._shard_of_device: dict[str, Presence] = {}

    async def run(self) -> None:
        """See `Presence.run`."""
        async with asyncio.TaskGroup() as tasks:
            for shard in self._shards:
                tasks.create_task(shard.run())

    async def close(self) -> None:
        """See `Presence.close`."""
        await asyncio.gather(*(shard.close() for shard in self._shards))

    async def arrive(self, device: Device) -> Arrival:
        """See `Presence.arrive`."""
        shard = self._shard_of_device[device.device_id] = self._shard(device.user_id)
        try:
            return await shard.arrive(device)
        except BaseException:
            self._shard_of_device.pop(device.device_id, None)
            raise

    def settle(self, device_id: str) -> None:
        """See `Presence.settle`."""
        shard = self._shard_of_device.get(device_id)
        if shard is not None:
            shard.settle(device_id)

    def leave(self, device_id: str, told: Place | None) -> None:
        """See `Presence.leave`."""
        shard = self._shard_of_device.pop(device_id, None)
        if shard is not None:
            shard.leave(device_id, told)

    async def devices(self, user_id: str) -> Sequence[Device]:
        """See `Presence.devices`."""
        return await self._shard(user_id).devices(user_id)

    def _shard(self, user_id: str) -> Presence:
        return self._shards[shard_of(user_room(user_id), len(self._shards))]
