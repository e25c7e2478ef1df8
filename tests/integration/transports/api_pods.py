"""python-socketio's own API on several pods: real servers on loopback ports, in the test's process, with real clients.

A pod has our manager over our broker, or python-socketio's own Redis manager, so that one test can ask both.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import socketio
import uvicorn
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.clients import Heard
from parts.ports import free_port
from parts.python_client import PythonClient
from parts.waiting import eventually
from realtime.broker.redis import RedisBroker
from realtime.clock import SystemClock
from realtime.redis.connection import connect_redis
from realtime.redis.keys import Keys
from realtime.server import make_server
from realtime.settings import HistorySettings, HttpSettings, RedisSettings, SocketSettings
from realtime.telemetry.metrics import Metrics
from realtime.transports.engineio.http import http_protocol
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server
from realtime.transports.socketio.sids import new_pod_id
from suites.listening import PATIENCE_SECONDS

CHAT = "/chat"
HEARTBEAT_SECONDS = 0.1
UNSUBSCRIBE_DELAY_SECONDS = 0.02


class ApiClient(PythonClient):
    """A client in two namespaces, `/` and `/chat`; it answers each event with that event's arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard_in_chat: list[tuple[str, tuple[Any, ...]]] = []
        self._client.on("*", self._on_chat, namespace=CHAT)

    @property
    def chat_sid(self) -> str | None:
        return self._client.get_sid(CHAT)

    async def open(self) -> Heard:
        heard = await super().open()
        await eventually(lambda: self.chat_sid, PATIENCE_SECONDS, "the client is in both namespaces")
        return heard

    @property
    def said(self) -> list[Any]:
        """What was said to it in `/`: an event's name, or its name and arguments."""
        return [(h.name, *h.args) if h.args else h.name for h in self.heard if h.kind == "event"]

    @property
    def said_in_chat(self) -> list[Any]:
        return [(name, *args) if args else name for name, args in self.heard_in_chat]

    async def is_told(self, *said: Any) -> None:
        """Wait until just this was said to it, in this order."""
        with contextlib.suppress(AssertionError):
            await eventually(lambda: len(self.said) >= len(said), 5, "enough is said")
        assert self.said == list(said)

    def forget(self) -> None:
        self.heard.clear()
        self.heard_in_chat.clear()

    def _on_chat(self, name: str, *args: Any) -> tuple[Any, ...]:
        self.heard_in_chat.append((name, args))
        return args


class ApiPod(ABC):
    """One server, with handlers that note who comes and goes, and what is said to it."""

    def __init__(self, server: socketio.AsyncServer, http_protocol: Any = None) -> None:
        self.server = server
        self._http_protocol = http_protocol
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.left: list[tuple[str, str]] = []
        self.said: list[tuple[Any, ...]] = []
        for namespace in ("/", CHAT):
            server.on("connect", lambda *_: None, namespace=namespace)
            server.on("disconnect", lambda sid, reason: self.left.append((sid, reason)), namespace=namespace)
            server.on("*", self._on_event, namespace=namespace)

    @abstractmethod
    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Do what it does beside serving."""

    async def ask(self, sid: str, name: str, data: Any = None, **options: Any) -> tuple[Any, ...]:
        """Ask a session and wait for its answer. (`call` cannot be used without async handlers.)"""
        answered: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()
        await self.server.emit(name, data, to=sid, callback=lambda *answer: answered.set_result(answer), **options)
        return await asyncio.wait_for(answered, PATIENCE_SECONDS)

    @abstractmethod
    async def end_sockets(self) -> None:
        """Leave no socket behind."""

    def begin_to_end(self) -> None:
        self._web.should_exit = self._web.force_exit = True

    async def _on_event(self, name: str, sid: str, *args: Any) -> tuple[Any, ...]:
        self.said.append((name, *args))
        return args

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        async def no_drain() -> None:
            pass

        http = HttpSettings(host="127.0.0.1", port=self.port)
        self._web = web = make_server(socketio.ASGIApp(self.server), http, no_drain, self._http_protocol)
        async with self.running():
            # Without `serve`'s signal handlers, which are the test runner's.
            serving = asyncio.create_task(uvicorn.Server._serve(web))
            await eventually(lambda: web.started or serving.done(), PATIENCE_SECONDS, "the pod serves")
            try:
                yield self
            finally:
                self.begin_to_end()
                await asyncio.wait_for(serving, PATIENCE_SECONDS)
                await self.server.shutdown()
                await self.end_sockets()


class OurPod(ApiPod):
    """A pod over our manager and broker, put together as `app.py` does."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        self.id = new_pod_id()
        settings = RedisSettings(
            url=SecretStr(redis_url),
            key_prefix=prefix,
            heartbeat_interval_seconds=HEARTBEAT_SECONDS,
            unsubscribe_delay_seconds=UNSUBSCRIBE_DELAY_SECONDS,
        )
        self.keys = Keys(prefix)
        self.metrics = Metrics()
        self.broker = RedisBroker(connect_redis(settings), settings, HistorySettings(), self.id, Metrics())
        self.manager = BrokerManager(self.broker, self.id, SystemClock(), self.metrics)
        sockets = SocketSettings(message_max_bytes=1_000_000)
        self.engine = make_engine(self.id, HttpSettings(), sockets, self.metrics, max_connections=1_000)
        server = make_socketio_server(self.manager, self.id, self.engine)
        self.manager.attach(self.engine, self._on_connected)
        super().__init__(server, http_protocol(self.engine))

    async def end_sockets(self) -> None:
        await self.engine.shutdown()

    async def _on_connected(self, sid: str) -> None:
        pass

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.broker.run(self.manager)), asyncio.create_task(self.manager.run())]
        await eventually(lambda: self.broker.heard_seconds_ago() < 1, PATIENCE_SECONDS, "the pod hears itself")
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self.broker.close()
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2


class StockPod(ApiPod):
    """A pod over python-socketio's own Redis manager."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        self.channel = f"{prefix}-stock"
        self.manager = socketio.AsyncRedisManager(redis_url, channel=self.channel)
        self._redis_url = redis_url
        super().__init__(socketio.AsyncServer(async_mode="asgi", client_manager=self.manager, async_handlers=False))

    async def end_sockets(self) -> None:
        for socket in list(self.server.eio.sockets.values()):
            socket.closed = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        # Otherwise it begins to listen with its first client.
        self.server.manager_initialized = True
        async with Redis.from_url(self._redis_url) as redis:

            async def listeners() -> int:
                return (await redis.pubsub_numsub(self.channel))[0][1]

            before = await listeners()
            self.manager.initialize()

            async def listens() -> bool:
                return await listeners() > before

            await eventually(listens, PATIENCE_SECONDS, "the stock manager listens")
        try:
            yield
        finally:
            self.manager.thread.cancel()
            await asyncio.wait([self.manager.thread])
            await self.manager.pubsub.aclose()
            await self.manager.redis.aclose()


class ApiCluster:
    """Some pods over one Redis, and one test's clients of theirs, which leave with it and leave nothing behind."""

    def __init__(self, pods: list[Any]) -> None:
        self.pods = pods
        self._at_the_end = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._at_the_end.aclose()
        for pod in self.pods:
            await eventually(lambda pod=pod: not pod.manager.rooms, PATIENCE_SECONDS, "all sessions are gone")
            pod.left.clear()
            pod.said.clear()

    async def connect(self, pod: int = 0, **options: Any) -> ApiClient:
        client = await self._at_the_end.enter_async_context(ApiClient(self.pods[pod].url, **options))
        assert client.sid, str(client)
        return client

    async def is_up_to_date(self, *clients: ApiClient) -> None:
        """Wait until all that was emitted to these before this call has arrived: a last word comes in order behind it."""
        for pod in self.pods:
            await pod.server.emit("last word")
        for client in clients:
            await client.wait_for_event("last word", len(self.pods))
            client.heard[:] = [heard for heard in client.heard if heard.name != "last word"]


@asynccontextmanager
async def api_pods(kind: type[OurPod | StockPod], redis_url: str, prefix: str, count: int) -> AsyncIterator[list[Any]]:
    pods: list[Any] = [kind(redis_url, prefix) for _ in range(count)]
    async with AsyncExitStack() as at_the_end:
        for pod in pods:
            await at_the_end.enter_async_context(pod.serving())
        yield pods
        for pod in pods:
            pod.begin_to_end()  # all at once; the exit stack waits for one after the other
