"""python-socketio's own client, as a Python program would use it."""

import asyncio
import contextlib
import time
from typing import Any

import aiohttp
import socketio
from socketio.exceptions import ConnectionError as NotConnected

from parts.clients import Client, Heard

LAST_POLL_SECONDS = 0.3


class PythonClient(Client):
    """One connection of one `socketio.AsyncClient`."""

    @property
    def sid(self) -> str | None:
        return self._client.get_sid() if self._client.connected else None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client = socketio.AsyncClient(
            reconnection=self.reconnects, http_session=_http_session, handle_sigint=False
        )
        self._client.on("connect", self._on_connect)
        self._client.on("connect_error", lambda problem=None: self._hear("connect_error", _reason(problem), problem))
        self._client.on("disconnect", lambda reason: self._hear("disconnect", reason))
        self._client.on("*", self._on_event)

    async def open(self) -> Heard:
        connecting = asyncio.create_task(
            self._client.connect(self.url, self.headers, self.auth, self.transports, wait_timeout=10)
        )
        try:
            return await self.wait_for(lambda heard: heard.kind in {"connect", "connect_error"}, timeout_seconds=15)
        finally:
            await self._finish(connecting)

    async def command(self, name: str, *args: Any, timeout_seconds: float = 10) -> Any:
        try:
            return await self._client.call(name, args, timeout=timeout_seconds)
        except socketio.exceptions.TimeoutError as error:
            raise TimeoutError(f"no ack of {name} within {timeout_seconds:g} s") from error

    async def send(self, name: str, *args: Any) -> None:
        await self._client.emit(name, args)

    async def close(self) -> None:
        await self._finish(asyncio.create_task(self._client.shutdown()))
        if self._client.eio.http is not None:  # the library leaves it open when it could not connect
            await self._client.eio.http.close()

    async def _finish(self, task: "asyncio.Task[None]") -> None:
        """Await connecting or leaving, of which the library makes the last poll a part.

        python-engineio's server leaves that poll unanswered for up to 45 s after a goodbye, so it is cut off here.
        """
        done, _ = await asyncio.wait({task}, timeout=LAST_POLL_SECONDS)
        if not done and self._client.eio.http is not None:
            await self._client.eio.http.close()
        with contextlib.suppress(NotConnected):  # which was heard as connect_error
            await task

    def _on_connect(self) -> None:
        transport = self._client.transport()
        if transport != self.transports[0]:  # the library upgrades before it connects, and does not tell
            self._hear("upgrade", transport)
        self._hear("connect", transport)

    def _on_event(self, name: str, *args: Any) -> tuple[Any, ...]:
        self._hear("event", name, *args)
        return args

    def _hear(self, kind: str, name: str, *args: Any) -> None:
        self.heard.append(Heard(kind, name, args, time.time()))


def _http_session() -> aiohttp.ClientSession:
    # aiohttp ignores cookies of hosts without a name, and by a cookie the sticky proxy on 127.0.0.1 knows a client.
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


def _reason(problem: Any) -> str:
    return str(problem.get("message", problem)) if isinstance(problem, dict) else str(problem)
