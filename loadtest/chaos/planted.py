"""The checker, checked: a proxy plants faults into what clients hear, and each must be found, named, and nothing else.

It loses, repeats, swaps and misroutes: each once, to one user, in the real stream of a real cluster.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import jwt
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chaos.crowd import Crowd
from chaos.faults import Fault
from chaos.judge import Wrong
from chaos.ledger import EventId
from chaos.scenario import Outcome, Plan, Progress, run
from chaos.stage import Stage
from parts.apache_kafka import ApacheKafka
from parts.ports import free_port

MESSAGE: Final = '42["order:updated",'
# Of each victim's orders, so that something comes before and behind.
PLANTED_NUMBER: Final = 3
VICTIMS: Final = {
    Wrong.LOST: "user-0",
    Wrong.DUPLICATED: "user-1",
    Wrong.MISORDERED: "user-2",
    Wrong.MISROUTED: "user-3",
}
OVERHEARS: Final = "user-4"
# The first of the crowd: they use websockets, and a few of them come and go.
PLAN: Final = Plan(30, events=500, events_per_second=100, calm_seconds=1, after_seconds=2, hold_seconds=0)


class Nothing(Fault):
    """All is well."""

    name = "nothing"
    promise = "none"

    async def strike(self, stage: Stage, crowd: Crowd) -> None:
        """Do nothing."""


class Tamperer:
    """Passes everything on between clients and `url`, but for what it does to the victims' third events.

    `planted` is what it did: to whom, and with which event.
    """

    def __init__(self, url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.planted: dict[Wrong, EventId] = {}
        self._upstream = url.replace("http", "ws", 1)
        self._victims = {user: wrong for wrong, user in VICTIMS.items()}
        self._clients: dict[str, ServerConnection] = {}
        self._held_back: dict[str, str] = {}  # order -> the message that waits for its successor
        self._server: Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await serve(self._serve, "127.0.0.1", self.port, compression=None, ping_interval=None)

    async def stop(self) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, client: ServerConnection) -> None:
        assert client.request is not None
        with suppress(ConnectionClosed, OSError, InvalidHandshake):
            where = self._upstream + client.request.path
            async with connect(where, compression=None, ping_interval=None, proxy=None) as server:
                who: list[str] = []
                both_ways = [
                    asyncio.create_task(self._up(client, server, who)),
                    asyncio.create_task(self._down(client, server, who)),
                ]
                try:
                    await asyncio.wait(both_ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in both_ways:
                        way.cancel()
                    await asyncio.gather(*both_ways, return_exceptions=True)

    async def _up(self, client: ServerConnection, server: ClientConnection, who: list[str]) -> None:
        async for frame in client:
            if frame.startswith("40"):
                token = json.loads(frame[2:])["token"]
                who[:] = [jwt.decode(token, options={"verify_signature": False})["sub"]]
                self._clients[who[0]] = client
            await server.send(frame)

    async def _down(self, client: ServerConnection, server: ClientConnection, who: list[str]) -> None:
        async for frame in server:
            for to, tampered in self._tamper(client, who, frame):
                await to.send(tampered)

    def _tamper(self, client: ServerConnection, who: list[str], frame: str) -> Iterator[tuple[ServerConnection, str]]:
        wrong = self._victims.get(who[0]) if who else None
        if wrong is None or not frame.startswith(MESSAGE):
            yield client, frame
            return
        event = EventId.parse(json.loads(frame[2:])[1]["eventId"])
        if event.key in self._held_back:
            yield client, frame
            yield client, self._held_back.pop(event.key)
            return
        if event.number != PLANTED_NUMBER or wrong in self.planted:
            yield client, frame
            return
        self.planted[wrong] = event
        match wrong:
            case Wrong.LOST:
                return
            case Wrong.MISORDERED:
                self._held_back[event.key] = frame
                return
            case Wrong.DUPLICATED:
                yield client, frame
            case Wrong.MISROUTED:
                yield self._clients[OVERHEARS], frame
        yield client, frame


class TamperedStage(Stage):
    """Whose clients come through the tamperer."""

    tamperer: Tamperer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """See `Stage.running`."""
        async with super().running():
            TamperedStage.tamperer = Tamperer(self.cluster.url)
            await self.tamperer.start()
            try:
                yield
            finally:
                await self.tamperer.stop()

    def urls(self) -> list[tuple[str, str]]:
        """Through it alone."""
        return [("tamperer", self.tamperer.url)]


async def prove(kafka: ApacheKafka, directory: Path, progress: Progress) -> list[str]:
    """Plant each fault, and say what the judge did not find, or found too much; nothing: it is to be trusted."""
    outcome = await run(Nothing(0), PLAN, kafka, directory, progress, stage_type=TamperedStage)
    return outcome.problems + what_is_wrong_with(outcome, TamperedStage.tamperer.planted)


def what_is_wrong_with(outcome: Outcome, planted: dict[Wrong, EventId]) -> list[str]:
    """Hold what was found against what was planted."""
    found = {(v.wrong, v.device.partition("/")[0], v.event) for v in outcome.verdict.violations}
    expected = {
        (wrong, OVERHEARS if wrong is Wrong.MISROUTED else user, planted.get(wrong)) for wrong, user in VICTIMS.items()
    }
    missed = [f"{wrong} {event} at {user} was planted, but not found" for wrong, user, event in expected - found]
    # What is out of order is at a place that goes back; so may be the place of what belongs to somebody else.
    out_of_place = {(Wrong.MISORDERED, VICTIMS[Wrong.MISORDERED]), (Wrong.MISORDERED, OVERHEARS)}
    too_much = [
        f"{wrong} {event} at {user} was found, but not planted"
        for wrong, user, event in found - expected
        if (wrong, user) not in out_of_place
    ]
    return missed + too_much
