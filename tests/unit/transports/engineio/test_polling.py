"""Handshakes on polling that wait for their turn."""

from typing import Any

from realtime.limits.admission import AdmissionQueue
from realtime.settings import HttpSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.polling import PollingApp
from realtime.transports.socketio.server import make_engine


async def test_who_goes_while_it_waits_for_its_turn_is_not_taken_in() -> None:
    queue = AdmissionQueue(5, 1, 10)
    assert queue.enter() is None
    engine = make_engine("pod", HttpSettings(), SocketSettings(), Metrics(), 10, 10, queue)
    said = iter([{"type": "http.request"}, {"type": "http.disconnect"}])
    answered: list[Any] = []

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        answered.append(message)

    query = b"EIO=4&transport=polling"
    scope: Any = {
        "method": "GET",
        "path": "/socket.io/",
        "query_string": query,
        "headers": [],
        "scheme": "http",
        "http_version": "1.1",
    }
    await PollingApp(engine)(scope, receive, send)
    assert (answered, engine.connections) == ([], {})
    assert queue._turns[0].cancelled()
