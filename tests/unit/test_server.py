"""The web server: it drains before it closes, and hands on the limits that are set."""

from typing import Any

import pytest
import uvicorn

from realtime.server import make_server
from realtime.settings import HttpSettings, SocketSettings


async def app(scope: Any, receive: Any, send: Any) -> None:
    pass


async def nothing() -> None:
    pass


async def test_a_pod_drains_before_its_sockets_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    async def drain() -> None:
        steps.append("drain")

    async def shutdown(*_: object) -> None:
        steps.append("close")

    monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
    await make_server(app, HttpSettings(), SocketSettings(), drain).shutdown()
    assert steps == ["drain", "close"]


def test_a_frame_is_measured_before_it_is_read() -> None:
    config = make_server(app, HttpSettings(), SocketSettings(message_max_bytes=12_345), nothing).config
    assert config.ws_max_size == 12_345
    assert config.ws_per_message_deflate is False


def test_there_is_one_kind_of_ping_and_no_server_header() -> None:
    config = make_server(app, HttpSettings(port=8_080, host="127.0.0.1"), SocketSettings(), nothing).config
    assert config.ws_ping_interval is None
    assert config.server_header is False
    assert (config.host, config.port) == ("127.0.0.1", 8_080)
