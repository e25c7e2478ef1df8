"""The web server: it drains before it closes, and hands on the limits that are set."""

from typing import Any

import pytest
import uvicorn

from realtime.server import make_server
from realtime.settings import HttpSettings


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
    await make_server(app, HttpSettings(), drain).shutdown()
    assert steps == ["drain", "close"]


def test_there_is_no_server_header() -> None:
    config = make_server(app, HttpSettings(port=8_080, host="127.0.0.1"), nothing).config
    assert config.server_header is False
    assert (config.host, config.port) == ("127.0.0.1", 8_080)
