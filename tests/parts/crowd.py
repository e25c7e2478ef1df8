"""Many clients in one process: as little of Socket.IO as it takes to listen over a websocket, without a library's weight."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

# A pod that was killed is missed by haproxy for about this long.
RETRY_SECONDS = 0.2
MESSAGE_MAX_BYTES = 4 * 1024 * 1024


@dataclass(eq=False)
class Listener:
    """One socket: who it belongs to, which rooms it asks for, and all that it heard."""

    user_id: str
    token: str
    commands: tuple[str, ...]
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    connections: int = 0
    """How often it has connected and had all its commands answered."""
    rejoined_at: list[int] = field(default_factory=list)
    """How much it had heard each time."""
    is_listening: bool = False


class Crowd:
    """Listeners that come back by themselves; use it as `async with`."""

    def __init__(self, url: str, keep: Callable[[str], bool]) -> None:
        """Keep the events whose name `keep` says yes to."""
        self._url = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        self._keep = keep
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self.listeners: list[Listener] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._session is not None
        await self._session.close()

    def add(self, listener: Listener) -> None:
        """Begin to listen; `listener.is_listening` tells when it does."""
        self.listeners.append(listener)
        self._tasks.append(asyncio.create_task(self._listen(listener)))

    def all_listen(self) -> bool:
        """Whether every one is connected and in its rooms."""
        for task in self._tasks:
            if task.done():
                task.result()
        return all(listener.is_listening for listener in self.listeners)

    async def _listen(self, listener: Listener) -> None:
        assert self._session is not None
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async with self._session.ws_connect(self._url, max_msg_size=MESSAGE_MAX_BYTES) as socket:
                    await self._converse(listener, socket)
            listener.is_listening = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self, listener: Listener, socket: aiohttp.ClientWebSocketResponse) -> None:
        unanswered = len(listener.commands)
        async for message in socket:
            packet = message.data
            if packet == "2":
                await socket.send_str("3")
            elif packet.startswith("0"):
                await socket.send_str("40" + json.dumps({"token": listener.token}))
            elif packet.startswith("40"):
                for number, command in enumerate(listener.commands):
                    await socket.send_str(f"42{number}" + json.dumps([command, {}]))
            elif packet.startswith("43"):
                answer = json.loads(packet[packet.index("[") :])[0]
                assert answer["ok"], answer
                unanswered -= 1
                if not unanswered:
                    listener.connections += 1
                    listener.rejoined_at.append(len(listener.heard))
                    listener.is_listening = True
            elif packet.startswith("42"):
                name, data = json.loads(packet[2:])
                if self._keep(name):
                    listener.heard.append((name, data))
            else:
                raise AssertionError(f"unexpected packet: {packet[:200]}")
