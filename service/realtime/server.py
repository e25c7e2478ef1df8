"""uvicorn, leaving in order: the pod drains before any socket is closed."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from realtime.settings import HttpSettings

# Pending TCP connections; a rolling restart sends thousands at once.
BACKLOG = 4_096
# Connections beside the sessions that a pod may hold: of clients that have not said yet who they are.
STRANGERS = 5_000
# What is still open after a drain is cut after this.
CUT_AFTER_SECONDS = 2


class DrainingServer(uvicorn.Server):
    """Drains at the first SIGTERM or SIGINT, hurries at the second, and ends at the third, whatever is still open.

    uvicorn alone closes every websocket with 1012 at once and runs the lifespan's shutdown last, too late for a drain.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]], hurry: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._hurry = hurry
        self._signals = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_early_exit(self, *_: object) -> None:
        """Take a signal before there is anything to leave, or after: do not serve, and that is all."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal; called by Python between any two steps of the program."""
        self._signals += 1
        if self._signals == 1 or self._loop is None:
            super().handle_exit(sig, frame)
        elif self._signals == 2:
            # The loop may be waiting for the network, and must be woken.
            self._loop.call_soon_threadsafe(self._hurry)
        else:
            os._exit(1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then close."""
        await self._drain()
        await super().shutdown(sockets)


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it may: each connection is one.

    Containers begin with what their runtime was begun with, for some 1,024 of half a million that are allowed.
    """
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Where none is told, as on macOS, the system has one all the same.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


def settle_memory() -> None:
    """Let the garbage collector look at what comes and goes, not at what stays; call it once all is loaded.

    Its full passes walk through all objects, and a pod has a hundred thousand that never become garbage and some tens
    for each connection: on python-socketio's stock this alone made deliveries 2.5 times as quick.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def make_server(
    app: ASGIApp,
    http: HttpSettings,
    drain: Callable[[], Awaitable[None]],
    http_protocol: type[asyncio.Protocol] | None = None,
    hurry: Callable[[], None] = lambda: None,
) -> DrainingServer:
    """Make the web server of a pod; `http_protocol` lets its websockets in.

    `drain` returns when everybody has gone, or the time is up; `hurry` tells it to wait for as little as possible.
    """
    config = uvicorn.Config(
        app,
        host=http.host,
        port=http.port,
        http=http_protocol or "httptools",
        # Those that are not Socket.IO's are refused by the application.
        ws="websockets-sansio",
        ssl_certfile=http.tls_certificate_file,
        ssl_keyfile=http.tls_key_file,
        backlog=BACKLOG,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=http.keep_alive_seconds,
        timeout_graceful_shutdown=CUT_AFTER_SECONDS,
    )
    return DrainingServer(config, drain, hurry)
