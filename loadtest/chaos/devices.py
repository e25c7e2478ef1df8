"""One simulated device: connects, follows, leaves and returns as docs/clients.md says, and notes all that it hears.

It drops nothing that it has heard before: whether something came twice is for the judge to say.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chaos.ledger import Connection, DeviceLog, Ending, EventId, Heard, Keeps
from chaos.links import Link, LinkLost

# Clients spread themselves out; the stock client does it over seconds.
RETRY_SECONDS: Final = (0.1, 0.5)
# Of a command that the server says it may be asked again.
ASK_AGAIN_SECONDS: Final = 0.3
OWN_STREAMS: Final = ("order:updated", "notification")
ADMIN_STREAM: Final = "admin:order:updated"


@dataclass(frozen=True)
class Habit:
    """How a device leaves by itself: by one of `endings`, after seconds of staying, for seconds of being away."""

    endings: tuple[Ending, ...] = ()
    stays_seconds: tuple[float, float] = (2.0, 5.0)
    away_seconds: tuple[float, float] = (2.0, 2.0)


class Device:
    """Lives until it is cancelled; `log` is what the judge is given."""

    def __init__(
        self,
        log: DeviceLog,
        token: str,
        urls: Callable[[], Sequence[tuple[str, str]]],
        make_link: Callable[[], Link],
        habit: Habit,
        chance: random.Random,
    ) -> None:
        """`urls` are the places to connect to now, each with its name."""
        self.log = log
        self.is_listening = False  # it is connected, and has been told that it follows what it wants to
        self.latest: dict[tuple[str, str], int] = {}  # of each stream and order: the highest number heard
        self._token = token
        self._urls = urls
        self._make_link = make_link
        self._habit = habit
        self._chance = chance
        self._may_leave = asyncio.Event()
        self._settle = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._silent: list[Link] = []  # connections from which it has vanished
        # What it keeps between connections.
        self._pid: str | None = None
        self._offset: str | None = None
        self._since: str | None = None  # up to where it knows the rooms that it has to ask for
        self._follows = False

    def begin(self) -> None:
        """Leave from now on, as is its habit."""
        self._may_leave.set()

    def settle(self) -> None:
        """Come back and stay."""
        self._may_leave.clear()
        self._settle.set()

    def stop_reading(self) -> None:
        """Stay connected, and read nothing more."""
        self._reading.clear()

    def read_on(self) -> None:
        """Go on reading."""
        self._reading.set()

    async def live(self) -> None:
        """Connect, and again whenever the connection has ended."""
        try:
            while True:
                name, url = self._chance.choice(self._urls())
                connection = Connection(name, time.monotonic(), came_back=self._offset is not None)
                self.log.connections.append(connection)
                link = self._make_link()
                try:
                    await self._converse(link, url, connection)
                except LinkLost as lost:
                    is_goodbye = connection.ending is Ending.GOODBYE and lost.is_orderly
                    if connection.ending in {Ending.OPEN, Ending.GOODBYE} and not is_goodbye:
                        connection.ending, connection.why = Ending.CUT, str(lost)
                finally:
                    self.is_listening = False
                    connection.ended_at = time.monotonic()
                    if connection.ending is not Ending.VANISHED:
                        link.abort()
                if connection.recovered is None and not connection.heard:
                    self.log.connections.remove(connection)  # it came to nothing
                away = RETRY_SECONDS if connection.ending is Ending.CUT else self._habit.away_seconds
                if self._settle.is_set():
                    away = RETRY_SECONDS
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._chance.uniform(*away)):
                        await (asyncio.Event() if self._settle.is_set() else self._settle).wait()
        finally:
            for link in self._silent:
                link.abort()

    async def _converse(self, link: Link, url: str, connection: Connection) -> None:
        await link.open(url)
        await link.send("0" + json.dumps(self._auth()))
        reading = asyncio.create_task(self._read(link, connection))
        leaving = asyncio.create_task(self._leave_some_time(link, connection))
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done() or connection.ending is Ending.GOODBYE:
                await reading
        finally:
            for task in (reading, leaving):
                task.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)

    async def _leave_some_time(self, link: Link, connection: Connection) -> None:
        if not self._habit.endings:
            await asyncio.Event().wait()
        await self._may_leave.wait()
        await asyncio.sleep(self._chance.uniform(*self._habit.stays_seconds))
        while not (self.is_listening and self._may_leave.is_set()):
            await asyncio.sleep(0.1)
        connection.ending = self._chance.choice(self._habit.endings)
        if connection.ending is Ending.GOODBYE:
            await link.leave()
        elif connection.ending is Ending.VANISHED:
            self._silent.append(link)

    def _auth(self) -> dict[str, Any]:
        auth: dict[str, Any] = {"token": self._token}
        if self.log.keeps is not Keeps.NOTHING:
            auth["recovery"] = True
            if self._offset is not None:
                auth["offset"] = self._offset
        if self.log.keeps is Keeps.SESSION and self._pid is not None:
            auth["pid"] = self._pid
        if self.log.keeps is not Keeps.OFFSET:
            self._since = None
        elif self._since is None:  # else it still has not been told all that it missed the last time
            self._since = self._offset
        return auth

    async def _read(self, link: Link, connection: Connection) -> None:
        while True:
            packet = await link.receive()
            await self._reading.wait()
            kind, payload = packet[:1], packet[1:]
            if kind == "2":
                name, *arguments = json.loads(payload)
                await self._take(link, connection, name, arguments)
            elif kind == "0":
                self._connected(json.loads(payload))
            elif kind == "3":
                answers = json.loads(payload[payload.index("[") :])
                if answers:  # else the session has just gone, and soon the connection will
                    await self._take_answer(link, connection, answers[0])
            elif kind == "4":
                self._refused(json.loads(payload))
            elif kind == "1":
                raise LinkLost(connection.why or "disconnected by the server")
            else:
                self.log.unreadable.append(packet[:200])

    def _connected(self, about: dict[str, Any]) -> None:
        pid = about.get("pid")
        # As the stock client decides whether it has recovered.
        self._follows = self._follows and pid is not None and pid == self._pid
        self._pid = pid

    def _refused(self, about: dict[str, Any]) -> None:
        if not (about.get("data") or {}).get("retryable"):
            self.log.refusals.append(json.dumps(about))
        raise LinkLost(f"refused: {about}")

    async def _take(self, link: Link, connection: Connection, name: str, arguments: list[Any]) -> None:
        place = None
        if self.log.keeps is not Keeps.NOTHING and len(arguments) > 1 and isinstance(arguments[-1], str):
            place = self._offset = arguments[-1]
        about = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        match name:
            case "connection:success":
                connection.recovered, connection.reason = about["recovered"], about.get("reason")
                if self._follows:
                    self.is_listening = True
                else:
                    self._since = self._since or about["offset"]
                    await self._follow(link)
            case "connection:closing":
                connection.why = about.get("code", "")
            case "server:draining":
                connection.why = "draining"
            case "admin:stats":
                pass
            case _:
                try:
                    event = EventId.parse(about.get("eventId"))
                except ValueError:
                    self.log.unreadable.append(json.dumps([name, *arguments])[:200])
                else:
                    connection.heard.append(Heard(name, event, time.monotonic(), place))
                    self.latest[name, event.key] = max(event.number, self.latest.get((name, event.key), 0))

    async def _follow(self, link: Link) -> None:
        command = "subscribe:admin" if self.log.hears_all else "subscribe:orders"
        await link.send("21" + json.dumps([command, {"since": self._since}]))

    async def _take_answer(self, link: Link, connection: Connection, answer: dict[str, Any]) -> None:
        if not answer["ok"]:
            if not answer["error"]["retryable"]:
                self.log.refusals.append(json.dumps(answer))
                raise LinkLost(f"refused: {answer}")
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            await self._follow(link)
            return
        if answer.get("recovered") is False:
            connection.recovered, connection.reason = False, answer.get("reason")
        self._follows = self.is_listening = True
        self._since = None
