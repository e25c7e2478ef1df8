"""The stock JavaScript client (socket.io-client on Node), as a browser would use it."""

import asyncio
import contextlib
import hashlib
import json
import shutil
import subprocess
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from parts.cache import made_once
from parts.clients import Client, Heard
from parts.needs import need
from parts.used import note

HERE = Path(__file__).parent / "js"

# A full event of the server may stand on one line.
LINE_MAX_BYTES = 16 * 1024 * 1024
END_TIMEOUT_SECONDS = 5


class JsClient(Client):
    """One connection of one Node process."""

    sid: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recovered = False
        """What `socket.recovered` said at the latest connect."""
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._numbers = count()
        self._acks: dict[int, asyncio.Future[Any]] = {}

    async def open(self) -> Heard:
        note("JavaScript client", js_client_name())
        options = {
            "transports": self.transports,
            "reconnection": self.reconnects,
            "extraHeaders": self.headers,
            "timeout": 10_000,
            # Keeps cookies, as browsers do, by which the sticky proxy knows a client; on Node that must be asked for.
            "withCredentials": True,
        }
        if self.auth is not None:
            options["auth"] = self.auth
        self._process = await asyncio.create_subprocess_exec(
            need("node"),
            str(HERE / "client.mjs"),
            json.dumps({"url": self.url, "options": options}),
            cwd=installation(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=LINE_MAX_BYTES,
        )
        self._reader = asyncio.create_task(self._read())
        return await self.wait_for(lambda heard: heard.kind in {"connect", "connect_error"}, timeout_seconds=15)

    async def command(self, name: str, *args: Any, timeout_seconds: float = 10) -> Any:
        number = next(self._numbers)
        self._acks[number] = asyncio.get_running_loop().create_future()
        try:
            await self._tell({"emit": name, "args": args, "ack": number})
            async with asyncio.timeout(timeout_seconds):
                return await self._acks[number]
        finally:
            del self._acks[number]

    async def send(self, name: str, *args: Any) -> None:
        await self._tell({"emit": name, "args": args})

    async def drop(self, *, reconnects: bool = True) -> None:
        """Lose the connection without a goodbye, as a phone in a tunnel."""
        await self._tell({"drop": {"reconnects": reconnects}})

    async def come_back(self) -> None:
        """Connect again, after a `drop` that does not."""
        await self._tell({"connect": True})

    async def close(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()  # which ends it, as the end of this test run would
        try:
            async with asyncio.timeout(END_TIMEOUT_SECONDS):
                await self._reader
        except TimeoutError:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._process.stdin.wait_closed()
        await self._process.wait()

    async def _tell(self, line: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            match said["kind"]:
                case "ack":
                    if (waiting := self._acks.get(said["ack"])) is not None and not waiting.done():
                        waiting.set_result(next(iter(said["args"]), None))
                    continue
                case "connect":
                    self.sid, self.recovered = said["sid"], said["recovered"]
                case "disconnect":
                    self.sid = None
            self.heard.append(Heard(said["kind"], said["name"], tuple(said["args"]), said["at"]))


def installation() -> Path:
    """Return the cached directory with the node_modules that the lock file names; install them if need be."""
    lock = (HERE / "package-lock.json").read_bytes()
    return made_once(f"js-{hashlib.sha256(lock).hexdigest()[:12]}", _install)


def _install(directory: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, directory)
    command = [need("npm"), "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"npm ci ended with {done.returncode}:\n{done.stdout}"


@cache
def js_client_name() -> str:
    """Return which client on which Node, such as `socket.io-client 4.8.4 on Node v20.20.2`."""
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    node = subprocess.run([need("node"), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"socket.io-client {packages['node_modules/socket.io-client']['version']} on Node {node}"
