"""Some hundred users with all their habits, in one process."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Self

from chaos.devices import ADMIN_STREAM, OWN_STREAMS, Device, Habit
from chaos.ledger import DeviceLog, Ending, Keeps
from chaos.links import Link, NarrowLink, PollingLink, WebsocketLink
from parts.tokens import Issuer

# Pods whose clocks differ by minutes must agree that a token is still valid.
TOKEN_SECONDS: Final = 7_200
STAYS: Final = Habit()
DROPS: Final = Habit((Ending.DROPPED, Ending.DROPPED, Ending.VANISHED))
GOES_OFFLINE: Final = Habit((Ending.GOODBYE,), stays_seconds=(2.0, 4.0), away_seconds=(4.0, 8.0))
# Of a hundred users, how many do what: with the devices that each has (what they keep, habit, over what).
HABITS: Final[tuple[tuple[int, tuple[tuple[Keeps, Habit, type[Link]], ...]], ...]] = (
    (25, ((Keeps.SESSION, STAYS, WebsocketLink),)),
    (25, ((Keeps.SESSION, DROPS, WebsocketLink),)),
    (10, ((Keeps.SESSION, DROPS, PollingLink),)),
    (10, ((Keeps.SESSION, STAYS, WebsocketLink), (Keeps.SESSION, DROPS, WebsocketLink))),
    (10, ((Keeps.OFFSET, DROPS, WebsocketLink),)),
    (5, ((Keeps.OFFSET, STAYS, WebsocketLink), (Keeps.OFFSET, DROPS, WebsocketLink))),
    (10, ((Keeps.NOTHING, GOES_OFFLINE, WebsocketLink),)),
    (5, ((Keeps.NOTHING, GOES_OFFLINE, WebsocketLink), (Keeps.NOTHING, GOES_OFFLINE, WebsocketLink))),
)
HABITS_UP_TO: Final = tuple(
    (upto, devices) for upto, (_, devices) in zip(accumulate(count for count, _ in HABITS), HABITS, strict=True)
)
ADMINS: Final = 4

Urls = Callable[[], Sequence[tuple[str, str]]]


class Crowd:
    """All devices; use it as `async with`.

    `urls` are the places to connect to now, each with its name; `pod_urls` those without a proxy in between.
    """

    def __init__(self, users: int, issuer: Issuer, urls: Urls, pod_urls: Urls, chance: random.Random) -> None:
        self._issuer = issuer
        self._urls = urls
        self._pod_urls = pod_urls
        self._chance = chance
        self._tasks: list[asyncio.Task[None]] = []
        self.users = [f"user-{number}" for number in range(users)]
        self.devices = [*self._make(), *(self._admin(number) for number in range(ADMINS))]

    @property
    def logs(self) -> list[DeviceLog]:
        """What the devices wrote down."""
        return [device.log for device in self.devices]

    def _make(self) -> Iterator[Device]:
        for number, user in enumerate(self.users):
            at = number % 100
            devices = next(devices for upto, devices in HABITS_UP_TO if at < upto)
            for which, (keeps, habit, link) in enumerate(devices):
                name = f"{user}/{which} ({keeps}, {link.__name__.removesuffix('Link').lower()})"
                log = DeviceLog(user, name, keeps, OWN_STREAMS, is_steady=not habit.endings)
                yield self._device(log, habit, link)

    def _admin(self, number: int) -> Device:
        log = DeviceLog(f"admin-{number}", f"admin-{number}", Keeps.SESSION, (ADMIN_STREAM,), hears_all=True)
        return self._device(log, STAYS if number % 2 else DROPS, NarrowLink, "admin")

    def _device(self, log: DeviceLog, habit: Habit, link: type[Link], *roles: str) -> Device:
        token = self._issuer.token(log.user, *roles, iat=None, expires_in_seconds=TOKEN_SECONDS)
        urls = self._pod_urls if link is NarrowLink else self._urls
        return Device(log, token, urls, link, habit, random.Random(self._chance.random()))

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(device.live(), name=device.log.name) for device in self.devices]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def all_listen(self) -> bool:
        """Whether every device is connected and follows what it wants to."""
        self.check()
        return all(device.is_listening for device in self.devices)

    def begin(self) -> None:
        """Let everybody leave and come back, each as is its habit."""
        for device in self.devices:
            device.begin()

    def absent(self) -> list[str]:
        """Who does not listen, and why the last connection ended."""
        return [
            f"{device.log.name}: {device.log.connections[-1] if device.log.connections else 'never connected'}"
            for device in self.devices
            if not device.is_listening
        ]

    def check(self) -> None:
        """Raise `AssertionError` for a device that has ended: it does not know what it was told."""
        for task in self._tasks:
            if task.done():
                raise AssertionError(f"{task.get_name()} broke: {task.exception()!r}") from task.exception()

    def settle(self) -> None:
        """Let everybody come back and stay."""
        for device in self.devices:
            device.settle()
            device.read_on()
