"""The presence of users' devices on all pods that share a Redis."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from realtime.broker.place import Place
from realtime.errors import RedisUnavailable
from realtime.presence.base import Arrival, Device
from realtime.redis.batching import Batching
from realtime.redis.calls import Operation, RedisCalls
from realtime.redis.keys import Keys
from realtime.redis.upkeep import Upkeep
from realtime.settings import HistorySettings, PresenceSettings
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

DEVICES_SCRIPT: Final = files("realtime.presence").joinpath("devices.lua").read_text()
RENEWALS_PER_LEASE: Final = 5
# A device that Redis has lost while the pod's lease stayed (a failover to a replica that lagged) is back after this.
ROUND_SECONDS: Final = 600.0
CLOSE_TIMEOUT_SECONDS: Final = 2.0
# Of devices that went; who has gone must not be there again because Redis has forgotten that it went.
MAX_REMEMBERED: Final = 10_000

# A word of the script, and its arguments.
_Words = tuple[bytes | str, ...]
# States of a device, as the script knows them; others are places.
_SETTLED: Final = "-"
_PLACE_UNKNOWN: Final = "?"
_ARRIVING: Final = ""


@dataclass(slots=True)
class _Here:
    """A device of this pod, and its state."""

    user: bytes
    json: str
    state: str


class RedisPresence:
    """See `Presence`. What `told` returns, asked at every call, is as far as this pod has told its devices."""

    def __init__(
        self,
        client: Redis,
        keys: Keys,
        presence: PresenceSettings,
        history: HistorySettings,
        pod_id: str,
        told: Callable[[], Place | None],
        metrics: Metrics,
    ) -> None:
        self._calls_to_redis = RedisCalls(metrics)
        self._script = client.register_script(DEVICES_SCRIPT)
        self._keys = keys
        self._lease_ms = int(presence.lease_seconds * 1_000)
        self._retention_ms = 2 * history.retention_seconds * 1_000
        self._pod_id = pod_id
        self._told = told
        self._here: dict[str, _Here] = {}
        self._gone: deque[_Words] = deque(maxlen=MAX_REMEMBERED)
        self._calls = 0  # that Redis has answered
        self._lease_seconds = presence.lease_seconds
        self._kept_at = -math.inf  # when the lease was kept last
        self._told_when_kept: Place | None = None
        self._batching = Batching[_Words, Any](self._say)
        self._upkeep = Upkeep(
            beat=lambda: self._batching.ask(("renew",)),
            ids=lambda: list(self._here),
            tell_again=self._announce_again,
            beat_seconds=presence.lease_seconds / RENEWALS_PER_LEASE,
            round_seconds=min(ROUND_SECONDS, history.retention_seconds),
        )

    async def run(self) -> None:
        """See `Presence.run`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batching.run())
            tasks.create_task(self._upkeep.run())

    async def close(self) -> None:
        """See `Presence.close`."""
        self._lease_ms = 0  # what is said from now on ends the lease
        self._batching.note(("renew",))
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._batching.flush()
        except (RedisUnavailable, TimeoutError) as error:
            log.info("presence_not_ended", error=repr(error))  # the lease ends by itself

    async def arrive(self, device: Device) -> Arrival:
        """See `Presence.arrive`."""
        here = _Here(device.user_id.encode(), device.model_dump_json(by_alias=True), _ARRIVING)
        self._here[device.device_id] = here
        try:
            devices, state = await self._batching.ask(("arrive", here.user, device.device_id, here.json))
        except BaseException:
            # It may have arrived all the same.
            self.leave(device.device_id, None)
            raise
        here.state = state.decode()
        if here.state == _SETTLED:
            return Arrival(devices, was_away=False)
        return Arrival(devices, was_away=True, away_since=_read_place(here.state))

    def settle(self, device_id: str) -> None:
        """See `Presence.settle`."""
        here = self._here.get(device_id)
        if here is not None and here.state != _SETTLED:
            here.state = _SETTLED
            self._batching.note(("settle", here.user, device_id))

    def leave(self, device_id: str, told: Place | None) -> None:
        """See `Presence.leave`."""
        here = self._here.pop(device_id, None)
        if here is not None:
            # Whose lease has ended was frozen: it goes on with what came meanwhile, and finds its clients gone.
            if told is not None and time.monotonic() - self._kept_at > self._lease_seconds:
                told = self._told_when_kept
            # One that was not settled has been told nothing that counts: there is a gap before it.
            place = _SETTLED if told is None or here.state != _SETTLED else str(told)
            words = ("leave", here.user, device_id, place)
            self._gone.append(words)
            self._batching.note(words)

    async def devices(self, user_id: str) -> Sequence[Device]:
        """See `Presence.devices`."""
        texts = await self._batching.ask(("devices", user_id.encode()))
        found = [device for text in texts if (device := _read_device(text)) is not None]
        return sorted(found, key=lambda device: (device.connected_at, device.device_id))

    async def _announce_again(self, device_ids: Sequence[str]) -> None:
        words: list[_Words] = [("sweep",)]
        for device_id in device_ids:
            here = self._here.get(device_id)
            if here is not None and here.state != _ARRIVING:
                words.append(("stay", here.user, device_id, here.state, here.json))
        await self._batching.ask_all(words)

    async def _say(self, batch: Sequence[_Words]) -> Sequence[Any]:
        told, asked_at = self._told(), time.monotonic()
        arguments = [
            self._pod_id,
            self._lease_ms,
            _SETTLED if told is None else str(told),
            self._retention_ms,
            self._keys.devices,
            self._calls,
            *(word for words in batch for word in words),
        ]
        with self._calls_to_redis.asking(Operation.PRESENCE, "tell of devices"):
            has_kept_all, self._calls, answers = await self._script(keys=[self._keys.leases], args=arguments)
        self._kept_at, self._told_when_kept = asked_at, told
        if not has_kept_all and self._lease_ms:
            self._upkeep.forgotten()
            for words in self._gone:
                self._batching.note(words)
        return answers  # type: ignore[no-any-return]


def _read_place(text: str) -> Place | None:
    try:
        return Place.parse(text)
    except ValueError:
        if text != _PLACE_UNKNOWN:
            log.warning("unreadable_place", text=text)
        return None


def _read_device(text: bytes) -> Device | None:
    try:
        return Device.model_validate_json(text)
    except ValidationError as error:
        # A pod of another version, in a rolling upgrade, must not bring this one down.
        log.warning("unreadable_device", error=str(error))
        return None
