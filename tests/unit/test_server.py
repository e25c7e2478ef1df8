"""The web server: it drains before it closes, and hands on the limits that are set."""

import asyncio
import os
import resource
import signal
from typing import Any

import pytest
import uvicorn

from realtime.server import make_server, raise_descriptor_limit
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


async def test_the_first_signal_drains_the_second_hurries_and_the_third_ends_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(os, "_exit", lambda code: steps.append(f"end {code}"))
    server = make_server(app, HttpSettings(host="127.0.0.1", port=0), nothing, hurry=lambda: steps.append("hurry"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    server.handle_exit(signal.SIGTERM, None)
    assert (server.should_exit, steps) == (True, [])
    server.handle_exit(signal.SIGINT, None)
    await asyncio.sleep(0)
    assert (server.force_exit, steps) == (False, ["hurry"])
    server.handle_exit(signal.SIGTERM, None)
    assert steps == ["hurry", "end 1"]
    await server.shutdown()


def test_there_is_no_server_header() -> None:
    config = make_server(app, HttpSettings(port=8_080, host="127.0.0.1"), nothing).config
    assert config.server_header is False
    assert (config.host, config.port) == ("127.0.0.1", 8_080)


def test_a_pod_takes_as_many_descriptors_as_it_may_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
