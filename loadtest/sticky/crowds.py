"""The stock clients of all cells: JavaScript ones in one process of Node, Python ones in this."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import socketio

from parts.js_client import installation
from parts.needs import need
from parts.python_client import _http_session
from sticky.members import Member
from sticky.presets import TRANSPORTS

CROWD: Final = Path(__file__).parent / "crowd.mjs"
LINE_MAX_BYTES: Final = 1_048_576
GOODBYE_SECONDS: Final = 5.0


class JsCrowd:
    """All JavaScript clients; used as `async with`."""

    def __init__(self, members: Sequence[Member], directory: Path) -> None:
        self._members = {member.user: member for member in members}
        self._list = directory / "clients.json"

    async def __aenter__(self) -> Self:
        clients = [
            {"id": user, "url": m.url, "token": m.token, "transports": TRANSPORTS[m.cell.transports]}
            for user, m in self._members.items()
        ]
        self._list.write_text(json.dumps(clients))
        self._process = await asyncio.create_subprocess_exec(
            need("node"),
            str(CROWD),
            str(self._list),
            cwd=installation(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=LINE_MAX_BYTES,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._reading
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            user, kind, detail = json.loads(line)
            member = self._members[user]
            match kind:
                case "order":
                    member.orders.append(detail)
                case "connect":
                    member.connected(recovered=detail == "recovered")
                case "listening":
                    member.is_listening = True
                case "upgrade":
                    member.upgrades += 1
                case "disconnect":
                    member.disconnected(detail)
                case _:
                    member.failures[str(detail or kind)] += 1


class PythonMember:
    """One `socketio.AsyncClient`, whose application keeps its place as docs/clients.md says."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._place: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = socketio.AsyncClient(
            reconnection_delay=1, reconnection_delay_max=2, http_session=_http_session, handle_sigint=False
        )
        self._client.on("connection:success", self._on_success)
        self._client.on("order:updated", self._on_order)
        self._client.on("disconnect", member.disconnected)
        self._client.on("connect_error", lambda problem=None: self._failed(problem))

    def _auth(self) -> dict[str, Any]:
        return {"token": self._member.token, "recovery": True} | ({"offset": self._place} if self._place else {})

    def _failed(self, problem: Any) -> None:
        said = problem.get("message", problem) if isinstance(problem, dict) else problem
        self._member.failures[str(said)] += 1

    async def _on_success(self, told: dict[str, Any], *_: Any) -> None:
        # A handler that waits for an ack would keep the ack from being read.
        task = asyncio.create_task(self._subscribe(told["offset"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _subscribe(self, newest: str) -> None:
        came_back = self._place is not None
        try:
            answer = await self._client.call("subscribe:orders", {"since": self._place or newest}, timeout=10)
        except (socketio.exceptions.SocketIOError, ValueError) as error:
            self._member.failures[type(error).__name__] += 1
            return
        self._member.connected(recovered=came_back and bool(answer.get("recovered")))
        self._place = self._place or answer["offset"]
        self._member.is_listening = bool(answer["ok"])

    def _on_order(self, order: dict[str, Any], place: str) -> None:
        self._place = place
        self._member.orders.append(int(order["orderId"]))

    async def come(self) -> None:
        """Connect, until that has worked once; from then on the library comes back by itself."""
        while True:
            with contextlib.suppress(socketio.exceptions.ConnectionError, RuntimeError):
                await self._client.connect(
                    self._member.url,
                    auth=self._auth,
                    transports=list(TRANSPORTS[self._member.cell.transports]),
                    wait_timeout=10,
                )
                return
            await asyncio.sleep(1)

    async def leave(self) -> None:
        """Go, and do not come back."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._client.shutdown()
        if self._client.eio.http is not None:
            await self._client.eio.http.close()


class PythonCrowd:
    """All Python clients; used as `async with`."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._clients = [PythonMember(member) for member in members]

    async def __aenter__(self) -> Self:
        self._coming = [asyncio.create_task(client.come()) for client in self._clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        for coming in self._coming:
            coming.cancel()
        await asyncio.gather(*self._coming, return_exceptions=True)
        await asyncio.gather(*(client.leave() for client in self._clients))
