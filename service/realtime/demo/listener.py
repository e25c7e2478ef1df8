"""One socket of the headless run: a stock python-socketio client that takes down all it hears."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import aiohttp
import socketio
from engineio.payload import Payload
from socketio.exceptions import SocketIOError

from realtime.demo.errors import DemoFailed
from realtime.demo.judge import Told, Verdict, due_to, judge
from realtime.demo.people import ALICE, Person
from realtime.demo.shop import Published

# The client gives up on a poll that brings more packets than this; its default is 16, less than one busy moment.
Payload.max_decode_packets = 1_000

TIMEOUT_SECONDS: Final = 15
GOODBYE_SECONDS: Final = 1.0

# What a pod says about the connection and the cluster, not about the shop.
NOT_JUDGED: Final = frozenset({"connection:success", "admin:stats"})
# The title of the last message to each: when it arrives, all that was sent before it has been heard.
LAST_TITLE: Final = "That was all"


class Listener:
    """Connects when it is entered. Alice follows stock besides her orders; Bob does not, and must not hear of it."""

    def __init__(self, person: Person, transport: str) -> None:
        self.person = person
        self.transport = transport
        self.session_id = ""
        self.heard: list[Told] = []
        self.late_ms: list[float] = []
        """How long after the Kafka record's timestamp each message came."""
        self.heard_the_last = False
        self.lost: str | None = None
        """Why the connection was lost, if it was."""
        self._follows_stock = person == ALICE
        # What goes wrong is raised, or ends in the verdict; the libraries' own logs would say it twice.
        quiet = logging.getLogger("realtime.demo.client")
        quiet.setLevel(logging.CRITICAL + 1)
        self._http = aiohttp.ClientSession()
        self._client = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, http_session=self._http, logger=quiet, engineio_logger=quiet
        )
        self._client.on("*", self._hear)
        self._client.on("disconnect", self._note_loss)

    async def connect(self, url: str, token: str) -> None:
        """Connect and subscribe. Raises `DemoFailed`."""
        try:
            await self._client.connect(
                url, auth={"token": token}, transports=[self.transport], wait_timeout=TIMEOUT_SECONDS
            )
            for command in self._subscriptions():
                answer = await self._client.call(command, timeout=TIMEOUT_SECONDS)
                if not answer.get("ok"):
                    raise DemoFailed(f"{self}: {command} was refused: {answer}")
        except SocketIOError as error:
            raise DemoFailed(f"{self} could not connect: {error!r}") from error
        self.session_id = str(self._client.get_sid())

    def verdict(self, published: Sequence[Published]) -> Verdict:
        """Judge what was heard."""
        return judge(due_to(self.person, published, follows_stock=self._follows_stock), self.heard)

    def __str__(self) -> str:
        return f"{self.person.user_id} over {self.transport}"

    def _subscriptions(self) -> tuple[str, ...]:
        if self.person.is_admin:
            return ("subscribe:admin",)
        return ("subscribe:orders", "subscribe:inventory") if self._follows_stock else ("subscribe:orders",)

    def _hear(self, name: str, message: Mapping[str, Any]) -> None:
        now_ms = time.time() * 1_000
        if name in NOT_JUDGED:
            return
        if message.get("title") == LAST_TITLE:
            self.heard_the_last = True
            return
        self.heard.append(Told(name, str(message.get("eventId"))))
        self.late_ms.append(now_ms - datetime.fromisoformat(message["timestamp"]).timestamp() * 1_000)

    def _note_loss(self, reason: str) -> None:
        self.lost = reason

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Over polling, the goodbye waits for a last poll that may stay open for 45 s; it is cut short.
        leaving = asyncio.create_task(self._client.shutdown())
        await asyncio.wait({leaving}, timeout=GOODBYE_SECONDS)
        await self._http.close()
        with contextlib.suppress(SocketIOError, aiohttp.ClientError, asyncio.CancelledError):
            await leaving
