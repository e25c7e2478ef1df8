"""Servers for a module's tests, each shared by them; a test fails if it makes its server log an error of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from conformance.echo_server import EchoServer

# As the reference servers of both protocols' test suites are set up.
QUICK_PING_INTERVAL_SECONDS, QUICK_PING_TIMEOUT_SECONDS = 0.3, 0.5
QUICK_CONNECT_TIMEOUT_SECONDS = 0.5
ORIGIN = "https://shop.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EchoServer]:
    server = EchoServer(tmp_path_factory.mktemp("echo"))
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def server(module_server: EchoServer) -> Iterator[EchoServer]:
    """A server with the default settings."""
    yield from _without_errors(module_server)


@pytest.fixture
def port(server: EchoServer) -> int:
    return server.port


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module_quick_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EchoServer]:
    sockets = {
        "ping_interval_seconds": QUICK_PING_INTERVAL_SECONDS,
        "ping_timeout_seconds": QUICK_PING_TIMEOUT_SECONDS,
        "connect_timeout_seconds": QUICK_CONNECT_TIMEOUT_SECONDS,
        "message_max_bytes": 1_000_000,
    }
    http = {"cors_origins": [ORIGIN]}
    directory = tmp_path_factory.mktemp("quick")
    server = EchoServer(directory, http=http, sockets=sockets, upgrade_seconds=QUICK_CONNECT_TIMEOUT_SECONDS)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def quick_server(module_quick_server: EchoServer) -> Iterator[EchoServer]:
    """A server with short timeouts, large messages, and one origin that may come."""
    yield from _without_errors(module_quick_server)


def _without_errors(server: EchoServer) -> Iterator[EchoServer]:
    assert server.is_running, f"it has ended: {server.log_tail()}"
    logged_bytes = server.log.stat().st_size
    yield server
    assert server.is_running, f"the test has ended it: {server.log_tail()}"
    logged = _since(server.log, logged_bytes)
    assert "Traceback" not in logged, f"the server was taken by surprise:\n{logged}"


def _since(log: Path, position: int) -> str:
    with log.open("rb") as opened:
        opened.seek(position)
        return opened.read().decode(errors="replace")
