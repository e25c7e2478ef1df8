"""Which request goes where, and who is turned away while the pod drains."""

from typing import Any

import pytest

from realtime.gateway.sessions import Sessions
from realtime.settings import LimitSettings
from realtime.transports.socketio.asgi import Front


class FakeApp:
    """Notes the paths it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope.get("path", scope["type"]))


class Doorway:
    """A front between a Socket.IO server and another application, both of which only note what they are asked."""

    def __init__(self) -> None:
        self.sessions = Sessions(LimitSettings())
        self.socketio, self.rest = FakeApp(), FakeApp()
        self.answers: list[dict[str, Any]] = []
        nobody: Any = _ServerOfNobody()
        self._front = Front(nobody, self.sessions, self.rest)
        self._front._socketio = self.socketio

    async def ask(self, path: str, query: bytes = b"", kind: str = "http") -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            self.answers.append(message)

        scope = {"type": kind, "path": path, "query_string": query, "method": "GET", "headers": []}
        await self._front(scope, receive, send)


class _ServerOfNobody:
    class eio:  # noqa: N801 - as python-socketio names it
        pass

    def attach(self, *_: Any) -> None:
        pass


@pytest.fixture
def doorway() -> Doorway:
    return Doorway()


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_socketio_has_its_path_and_rest_all_others(doorway: Doorway, kind: str) -> None:
    for path in ("/socket.io/", "/socket.io", "/health", "/realtime/stats", "/", "/x/socket.io/"):
        await doorway.ask(path, kind=kind)
    assert doorway.socketio.asked == ["/socket.io/", "/socket.io"]
    assert doorway.rest.asked == ["/health", "/realtime/stats", "/", "/x/socket.io/"]


async def test_while_the_pod_drains_newcomers_are_sent_to_another(doorway: Doorway) -> None:
    doorway.sessions.is_draining = True
    await doorway.ask("/socket.io/", b"EIO=4&transport=polling")
    start, body = doorway.answers
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert b"leaving" in body["body"]
    assert doorway.socketio.asked == []


async def test_while_the_pod_drains_new_websockets_are_closed(doorway: Doorway) -> None:
    doorway.sessions.is_draining = True
    await doorway.ask("/socket.io/", b"EIO=4&transport=websocket", "websocket")
    assert doorway.answers == [{"type": "websocket.close"}]


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_while_the_pod_drains_those_who_are_there_are_served(doorway: Doorway, kind: str) -> None:
    doorway.sessions.is_draining = True
    await doorway.ask("/socket.io/", b"EIO=4&sid=abc", kind)
    await doorway.ask("/health", kind=kind)
    assert (doorway.socketio.asked, doorway.rest.asked) == (["/socket.io/"], ["/health"])


async def test_a_query_that_is_not_text_is_no_reason_to_fail(doorway: Doorway) -> None:
    doorway.sessions.is_draining = True
    await doorway.ask("/socket.io/", b"\xff\xfe=%zz")
    assert doorway.answers[0]["status"] == 503
