"""One client of one user: by websocket or polling, with a place to go on from or without."""

import asyncio
import json
import random
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from chaos.links import Link, LinkLost, PollingLink, WebsocketLink
from soak.judge import Account
from tool.numbered import Hearing

AWAY_SECONDS: Final = (1.0, 8.0)
# After somebody else has broken the connection.
RETRY_SECONDS: Final = (0.5, 2.0)


class Kind(StrEnum):
    """What a client comes by, and what it keeps."""

    WEBSOCKET = "websocket"  # as the stock client recovers; its connection breaks in mid-sentence
    POLLING = "polling"  # likewise
    FORGETFUL = "forgetful"  # a websocket that keeps nothing; it says goodbye, and is told what came meanwhile


LINKS: Final[dict[Kind, Callable[[], Link]]] = {
    Kind.WEBSOCKET: WebsocketLink,
    Kind.POLLING: PollingLink,
    Kind.FORGETFUL: WebsocketLink,
}


class Visitor:
    """Comes, hears its user's orders, goes and comes back as it is told to, until it has left for good."""

    def __init__(self, user: str, token: str, url: str, kind: Kind, account: Account) -> None:
        self.user = user
        self.kind = kind
        self.hearing = Hearing()
        self.is_listening = False
        self.is_known = True  # what must have come to it: not if it keeps no place, and others broke its connection
        self._token = token
        self._url = url
        self._account = account
        self._goes = asyncio.Event()
        self._has_left = False
        self._is_back = False  # since it has been here before
        self._pid: str | None = None
        self._place: str | None = None
        self._since: str | None = None  # of a subscription that has not been answered yet

    def go(self, *, for_good: bool = False) -> None:
        """End the connection now; unless it is for good, come back some seconds later."""
        self.is_listening = False
        self._has_left = for_good
        self._goes.set()

    async def live(self) -> None:
        """Stay until it has left for good."""
        while not self._has_left:
            link = LINKS[self.kind]()
            try:
                await self._converse(link)
            except LinkLost as lost:
                if not self._goes.is_set():
                    how = f"{self.kind}: {lost}"
                    self._account.broken[how] = self._account.broken.get(how, 0) + 1
                    self.is_known &= self.kind is not Kind.FORGETFUL
            finally:
                self.is_listening = False
                link.abort()
            if not self._has_left:
                await asyncio.sleep(random.uniform(*(AWAY_SECONDS if self._goes.is_set() else RETRY_SECONDS)))
            self._goes.clear()

    async def _converse(self, link: Link) -> None:
        await link.open(self._url)
        await link.send("0" + json.dumps(self._auth()))
        reading = asyncio.create_task(self._read(link))
        going = asyncio.create_task(self._goes.wait())
        try:
            await asyncio.wait({reading, going}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
            elif self.kind is Kind.FORGETFUL:
                await link.leave()
                await reading  # until all is read that was written before the goodbye was heard
        finally:
            for task in (reading, going):
                task.cancel()
            await asyncio.gather(reading, going, return_exceptions=True)

    def _auth(self) -> dict[str, Any]:
        auth: dict[str, Any] = {"token": self._token}
        if self.kind is not Kind.FORGETFUL:
            auth["recovery"] = True
            if self._pid is not None:
                auth |= {"pid": self._pid, "offset": self._place}
        return auth

    async def _read(self, link: Link) -> None:
        while True:
            packet = await link.receive()
            kind, payload = packet[:1], packet[1:]
            if kind == "2":
                name, about, *place = json.loads(payload)
                await self._hear(link, name, about, place)
            elif kind == "0":
                self._pid = json.loads(payload).get("pid")
            elif kind == "3":
                answer = json.loads(payload[payload.index("[") :])[0]
                if not answer["ok"]:
                    raise LinkLost(f"refused: {answer}")
                self._listens()
            elif kind in {"1", "4"}:
                raise LinkLost(payload)

    async def _hear(self, link: Link, name: str, about: dict[str, Any], place: list[Any]) -> None:
        if place:
            self._place = place[0]
        if name == "order:updated":
            self.hearing.hear(int(about["orderId"]))
        elif name == "connection:success":
            # Who keeps nothing has been told what came meanwhile, unless a reason is told why not.
            goes_on = about["recovered"] or (self.kind is Kind.FORGETFUL and "reason" not in about)
            if self._is_back:
                self._account.returns += 1
                self._account.recovered += goes_on
                if not goes_on:
                    why = f"{about.get('reason', 'no reason')} ({self.kind})"
                    self._account.why_not[why] = self._account.why_not.get(why, 0) + 1
            if about["recovered"] and self._is_back:
                self._listens()
            else:
                if self._since is None or self.kind is Kind.FORGETFUL:
                    self._since = about["offset"]
                await link.send("20" + json.dumps(["subscribe:orders", {"since": self._since}]))

    def _listens(self) -> None:
        self.is_listening = self._is_back = True
        self._since = None
