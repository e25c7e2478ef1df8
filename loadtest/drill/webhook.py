"""The end of an alert's way: what a pager would be told, and when."""

import asyncio
import json
import time
from typing import Final, NamedTuple

from parts.ports import free_port

MAX_HEAD_BYTES: Final = 65_536


class Notification(NamedTuple):
    """One alert, as it was told; `received_at` is in seconds since 1970."""

    received_at: float
    receiver: str
    name: str
    status: str


class Webhook:
    """Takes what Alertmanager posts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.received: list[Notification] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MAX_HEAD_BYTES)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(
                int(line.partition(":")[2]) for line in head.split("\r\n") if line.startswith("content-length:")
            )
            self._take(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        finally:
            writer.close()

    def _take(self, body: bytes) -> None:
        now = time.time()
        group = json.loads(body)
        for alert in group["alerts"]:
            self.received.append(Notification(now, group["receiver"], alert["labels"]["alertname"], alert["status"]))
