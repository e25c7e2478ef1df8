"""The presence of users' devices on the pods of one process."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from realtime.broker.place import Place
from realtime.clock import Clock, SystemClock
from realtime.presence.base import Arrival, Device
from realtime.settings import HistorySettings, PresenceSettings


@dataclass(slots=True, eq=False)
class _Lease:
    """A pod's lease. `ends` is of the clock's monotonic seconds."""

    ends: float = -math.inf
    told: Place | None = None


@dataclass(slots=True, eq=False)
class _Present:
    """A device. Until it is settled, all behind `owed` is its to receive."""

    device: Device
    lease: _Lease
    is_settled: bool
    owed: Place | None = None


@dataclass(slots=True, eq=False)
class _User:
    """`owed` counts when `is_owed`; None: nobody knows since when."""

    devices: dict[str, _Present] = field(default_factory=dict)
    seen: Place | None = None
    is_owed: bool = False
    owed: Place | None = None
    forgotten_at: float = math.inf

    def forget(self, present: _Present, told: Place | None) -> None:
        """Let a device go that was told up to `told`."""
        self.devices.pop(present.device.device_id, None)
        if not present.is_settled:
            self.owed = _earlier(present.owed, self.owed) if self.is_owed else present.owed
            self.is_owed = True
        elif told is not None:
            self.seen = _later(told, self.seen)


def _later(place: Place, known: Place | None) -> Place:
    """The later of two places; of two epochs, the one that is told now."""
    return known if known is not None and known.epoch == place.epoch and known > place else place


def _earlier(place: Place | None, known: Place | None) -> Place | None:
    if place is None or known is None:
        return None
    return known if known.epoch == place.epoch and known < place else place


class MemoryPresenceHub:
    """What the pods of one process have in common; stands where Redis stands."""

    def __init__(self, presence: PresenceSettings, history: HistorySettings, clock: Clock | None = None) -> None:
        self.lease_seconds = presence.lease_seconds
        self.retention_seconds = 2 * history.retention_seconds
        self.clock = clock or SystemClock()
        self.users: dict[str, _User] = {}

    def user(self, user_id: str) -> _User:
        """A user, who is remembered for some time from now on."""
        now = self.clock.monotonic_seconds()
        user = self.users.get(user_id)
        if user is None or (user.forgotten_at <= now and not self.live(user)):
            user = self.users[user_id] = _User()
        user.forgotten_at = now + self.retention_seconds
        return user

    def live(self, user: _User) -> list[_Present]:
        """Devices whose pods have not died."""
        now = self.clock.monotonic_seconds()
        return [present for present in user.devices.values() if present.lease.ends > now]


class MemoryPresence:
    """See `Presence`. While it runs its lease does not end; `told` is asked when it dies."""

    def __init__(self, hub: MemoryPresenceHub, told: Callable[[], Place | None]) -> None:
        self._hub = hub
        self._told = told
        self._lease = _Lease()
        self._here: dict[str, _Present] = {}

    async def run(self) -> None:
        """See `Presence.run`."""
        self._lease.ends = math.inf
        for device_id, present in self._here.items():
            self._hub.user(present.device.user_id).devices[device_id] = present
        try:
            await asyncio.Event().wait()
        finally:
            self._lease.told = self._told() or self._lease.told
            self._lease.ends = self._hub.clock.monotonic_seconds() + self._hub.lease_seconds

    async def close(self) -> None:
        """See `Presence.close`."""
        self._lease.ends = -math.inf

    async def arrive(self, device: Device) -> Arrival:
        """See `Presence.arrive`."""
        user = self._hub.user(device.user_id)
        others = {present.device.device_id for present in self._hub.live(user)} - {device.device_id}
        for device_id, present in list(user.devices.items()):
            if device_id not in others:
                user.forget(present, present.lease.told)
        was_away = user.is_owed or not others
        since = user.owed if user.is_owed else user.seen
        user.is_owed, user.owed = False, None
        present = _Present(device, self._lease, not was_away, since if was_away else None)
        user.devices[device.device_id] = self._here[device.device_id] = present
        return Arrival(len(others) + 1, was_away, present.owed)

    def settle(self, device_id: str) -> None:
        """See `Presence.settle`."""
        if device_id in self._here:
            self._here[device_id].is_settled = True

    def leave(self, device_id: str, told: Place | None) -> None:
        """See `Presence.leave`."""
        present = self._here.pop(device_id, None)
        if present is None:
            return
        user = self._hub.user(present.device.user_id)
        if present.is_settled or device_id in user.devices:  # else another one has been given what it was owed
            user.forget(present, told)

    async def devices(self, user_id: str) -> Sequence[Device]:
        """See `Presence.devices`."""
        user = self._hub.users.get(user_id, _User())
        found = [present.device for present in self._hub.live(user)]
        return sorted(found, key=lambda device: (device.connected_at, device.device_id))
