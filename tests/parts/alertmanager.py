"""A real Alertmanager on loopback, by a configuration file that a test gives; and who takes its notifications."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
from aiohttp import web

from parts.child import Child
from parts.http import get
from parts.needs import need
from parts.ports import free_port


class Alertmanager(Child):
    """One Alertmanager, alone: it tells others of no silences, and remembers nothing of before."""

    part = "Alertmanager"

    def __init__(self, directory: Path, configuration: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        command = [
            need("alertmanager"),
            f"--config.file={configuration}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        super().__init__(alertmanager_name(), command, directory)

    async def is_ready(self) -> bool:
        response = await get(f"{self.url}/-/ready")
        return response is not None and response.status_code == 200

    async def states(self) -> dict[str, str]:
        """Alerts that it holds now, by name: `active`, or `suppressed` where another one silences it."""
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=5.0) as client:
            held: list[dict[str, Any]] = (await client.get(f"{self.url}/api/v2/alerts")).raise_for_status().json()
        return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in held}


@dataclass
class Inbox:
    """Takes what is posted to it, by path, as PagerDuty and Slack do; `async with` it."""

    received: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, path: str) -> Sequence[dict[str, Any]]:
        """What has come to a path, the oldest first."""
        return self.received.get(path, [])

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.received.setdefault(request.match_info["path"], []).append(json.loads(await request.read()))
        # PagerDuty's answer; Slack's is any 200.
        return web.json_response({"status": "success", "message": "Event processed", "dedup_key": "one"}, status=202)


@cache
def alertmanager_name() -> str:
    """Return what the program calls itself, such as `alertmanager, version 0.25.0`."""
    said = subprocess.run([need("alertmanager"), "--version"], capture_output=True, text=True, check=True)
    return " ".join((said.stdout or said.stderr).split()[:3])
