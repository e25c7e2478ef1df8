"""`realtime demo`: the cluster, the proxy, and the page or the check, from the first port to the last goodbye."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from realtime.demo.children import Children
from realtime.demo.client_library import PACKAGE, ClientLibrary, load_client_library
from realtime.demo.cluster import Cluster, running_cluster
from realtime.demo.environment import DemoEnvironment, make_environment
from realtime.demo.errors import DemoFailed
from realtime.demo.headless import run_headless
from realtime.demo.interruption import Interruption
from realtime.demo.page import Page
from realtime.demo.ports import HOST, free_port, listen_on
from realtime.demo.proxy import StickyProxy
from realtime.settings import Settings, load_settings

FINE, FAILED, INTERRUPTED = 0, 1, 130
# On top of the longest that Engine.IO lets pass without a word from either side.
MORE_SILENCE_SECONDS: Final = 30.0
MAX_FAULTS_TOLD: Final = 20


async def run_demo(port: int, *, headless: bool) -> int:
    """Run until everything is checked (`headless`), or until a signal; return the exit code.

    Raises `ConfigurationError` for REALTIME_* variables that no pod would start with.
    """
    # The libraries' own logs would garble what is told here; what matters of them is raised, too.
    logging.basicConfig(level=logging.CRITICAL + 1)
    code = FAILED
    try:
        try:
            code = await _run(port, Interruption(), headless=headless)
        except asyncio.CancelledError:
            code = INTERRUPTED
    except* DemoFailed as failures:
        for failure in _each(failures):
            print(f"\n{failure}", file=sys.stderr, flush=True)
    return code


async def _run(port: int, interruption: Interruption, *, headless: bool) -> int:
    """Start and run everything. Raises `DemoFailed`, alone or in a group; in any case all of it has ended then."""
    async with AsyncExitStack() as at_the_end:
        listener = at_the_end.enter_context(contextlib.closing(listen_on(port)))
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        environment, settings = _settle()
        directory = at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="realtime-demo-"))
        _say("Starting", "two pods and what they need; everything listens on this machine alone")
        at_the_end.callback(_say, "Ended", "all of it")
        proxy = StickyProxy(_longest_silence_seconds(settings))
        tasks = await at_the_end.enter_async_context(asyncio.TaskGroup())
        library = None if headless else tasks.create_task(load_client_library(os.environ))
        await at_the_end.enter_async_context(_alongside(proxy.serve(listener)))
        cluster = await at_the_end.enter_async_context(running_cluster(environment, settings, Path(directory), _say))
        await at_the_end.enter_async_context(
            _alongside(cluster.pods.watch(), _watch_vital(cluster.vital), _watch_spare(cluster.spare))
        )
        if library is None:
            proxy.open(cluster.pods, page_port=0)
            return await _check(url, cluster, settings)
        page = Page(cluster.shop, cluster.pods, await library, settings.auth, cluster.parts)
        page_listener = at_the_end.enter_context(contextlib.closing(listen_on(0)))
        await at_the_end.enter_async_context(_alongside(_serve_page(page.app(), page_listener)))
        proxy.open(cluster.pods, page_listener.getsockname()[1])
        _say_where(url, library.result(), cluster)
        await interruption.wait()
        return FINE


def _settle() -> tuple[DemoEnvironment, Settings]:
    """Decide the settings. This process reads the same ones as its pods, from the same environment."""
    environment = make_environment(os.environ, free_port(), free_port())
    os.environ.clear()
    os.environ.update(environment.variables)
    return environment, load_settings()


def _longest_silence_seconds(settings: Settings) -> float:
    sockets = settings.sockets
    return sockets.ping_interval_seconds + sockets.ping_timeout_seconds + MORE_SILENCE_SECONDS


# -- what goes on beside it -----------------------------------------------------------------------------------------


@asynccontextmanager
async def _alongside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines while the block runs; when one fails, so does the block."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(coroutine) for coroutine in coroutines]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def _watch_vital(parts: Children) -> None:
    ended = await parts.next_to_end()
    raise DemoFailed(f"{ended.report()}\nWithout it the demo cannot go on.")


async def _watch_spare(pods: Children) -> None:
    while True:
        ended = await pods.next_to_end()
        print(f"\n{ended.report()}", file=sys.stderr, flush=True)
        if not pods.running:
            raise DemoFailed("No pod is left.")
        others = " and ".join(child.name for child in pods.running)
        _say("Going on", f"with {others}; its sockets come back there, and so do its partitions in some seconds")


class _PageServer(uvicorn.Server):
    """Leaves signals to the demo."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


async def _serve_page(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    await _PageServer(config).serve(sockets=[listener])


# -- what a person is told ------------------------------------------------------------------------------------------


async def _check(url: str, cluster: Cluster, settings: Settings) -> int:
    _say("Checking", "six sockets listen, two people buy, stock changes\n")
    outcome = await run_headless(url, cluster.shop, cluster.pods, settings.auth)
    print(outcome.table, flush=True)
    if outcome.faults:
        told = "\n".join(f"  {fault}" for fault in outcome.faults[:MAX_FAULTS_TOLD])
        print(f"\nWRONG, in {len(outcome.faults)} ways:\n{told}\n", file=sys.stderr, flush=True)
        for pod in cluster.pods:
            print(pod.child.report(), file=sys.stderr, flush=True)
        return FAILED
    print(
        f"\nRight: of {outcome.facts} facts in Kafka each socket heard exactly its own, in order, once.\n", flush=True
    )
    return FINE


def _say_where(url: str, library: ClientLibrary, cluster: Cluster) -> None:
    _say("Page client", library.problem or f"{PACKAGE}, from npm")
    victim = next(iter(cluster.pods)).child
    print(
        f"\n  Open       {url}\n"
        f"  REST       {url}/api/docs\n"
        f"  Try        kill -9 {victim.pid}    and watch {victim.name}'s sockets come back on the other pod\n"
        "  Ctrl-C     ends all of it\n",
        flush=True,
    )


def _say(what: str, words: str) -> None:
    print(f"  {what:<12} {words}", flush=True)


def _each(failures: BaseExceptionGroup[DemoFailed]) -> Iterator[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _each(failure)
        else:
            yield failure
