"""Which request goes where, and who is turned away while the pod drains."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.settings import HttpSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.socketio.asgi import Front
from realtime.transports.socketio.server import make_engine
from unit.counts import count


class NobodysApplication:
    def on_open(self, *_: object) -> None:
        pass


class Doorway:
    """A front between an engine and another application, which only notes what it is asked."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.engine = make_engine("pod-aaaa", HttpSettings(), SocketSettings(), self.metrics, max_connections=3)
        application: Any = NobodysApplication()
        self.engine.attach(application)
        self.asked_of_rest: list[str] = []
        self._front = Front(self.engine, self._rest)

    async def _rest(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked_of_rest.append(scope["path"])

    async def ask(self, path: str, query: bytes = b"", kind: str = "http") -> list[Any]:
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            answers.append(message)

        scope: dict[str, Any] = {"type": kind, "path": path, "query_string": query, "method": "GET", "headers": []}
        await self._front(scope | {"scheme": "http", "http_version": "1.1", "client": None}, receive, send)
        return answers


@pytest.fixture
def doorway() -> Iterator[Doorway]:
    return Doorway()


HANDSHAKE = b"EIO=4&transport=polling"


async def test_socketio_has_its_path_and_rest_all_others(doorway: Doorway) -> None:
    for path in ("/socket.io/", "/socket.io"):
        start, _ = await doorway.ask(path, HANDSHAKE)
        assert start["status"] == 200
    for path in ("/health", "/realtime/stats", "/", "/x/socket.io/", "/socket.iox", "/socket.io."):
        assert await doorway.ask(path, HANDSHAKE) == []
    assert doorway.asked_of_rest == ["/health", "/realtime/stats", "/", "/x/socket.io/", "/socket.iox", "/socket.io."]
    assert len(doorway.engine.connections) == 2


async def test_a_websocket_that_comes_this_way_is_for_rest_to_refuse(doorway: Doorway) -> None:
    await doorway.ask("/socket.io/", kind="websocket")
    assert doorway.asked_of_rest == ["/socket.io/"]


async def test_while_the_pod_drains_newcomers_are_sent_to_another(doorway: Doorway) -> None:
    doorway.engine.is_draining = True
    start, body = await doorway.ask("/socket.io/", HANDSHAKE)
    assert start["status"] == 503
    assert 1 <= int(dict(start["headers"])[b"retry-after"]) <= 5
    assert "leaving" in json.loads(body["body"])["message"]
    assert count(doorway.metrics.refused_requests, problem="draining") == 1


async def test_while_the_pod_drains_those_who_are_there_are_served(doorway: Doorway) -> None:
    connection = doorway.engine.open({})
    doorway.engine.is_draining = True
    connection.wait_with(b"\x81\x034hi")
    start, body = await doorway.ask("/socket.io/", HANDSHAKE + f"&sid={connection.sid}".encode())
    assert (start["status"], body["body"]) == (200, b"4hi")


async def test_a_pod_that_is_full_sends_newcomers_to_another(doorway: Doorway) -> None:
    statuses = [(await doorway.ask("/socket.io/", HANDSHAKE))[0]["status"] for _ in range(4)]
    assert statuses == [200, 200, 200, 503]


async def test_strangers_do_not_take_the_places_of_those_who_have_said_who_they_are(doorway: Doorway) -> None:
    doorway.engine._max_strangers = 1
    assert (await doorway.ask("/socket.io/", HANDSHAKE))[0]["status"] == 200
    assert (await doorway.ask("/socket.io/", HANDSHAKE))[0]["status"] == 503
    for connection in doorway.engine.connections.values():
        doorway.engine.admit(connection)
    assert (await doorway.ask("/socket.io/", HANDSHAKE))[0]["status"] == 200


async def test_a_query_that_is_not_text_is_no_reason_to_fail(doorway: Doorway) -> None:
    start, body = await doorway.ask("/socket.io/", b"\xff\xfe=%zz")
    assert (start["status"], json.loads(body["body"])) == (400, {"code": 0, "message": "Transport unknown"})
