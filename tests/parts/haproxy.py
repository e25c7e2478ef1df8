"""A real sticky proxy: haproxy in front of pods, as an operator would set it up."""

import csv
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from parts.child import Child
from parts.http import get
from parts.needs import need
from parts.ports import free_port
from parts.waiting import eventually

CONFIGURATION = """\
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s   # longer than a poll lasts (Engine.IO's ping interval, 25 s)
    timeout tunnel 1h
    option redispatch

frontend clients
    bind 127.0.0.1:{port}
    default_backend pods

backend pods
    balance leastconn
    cookie SIO insert indirect nocache httponly
    option httpchk GET /health/ready
    default-server check inter 250ms fall 2 rise 1
{servers}

frontend operators
    bind 127.0.0.1:{stats_port}
    stats enable
    stats uri /
"""


class Haproxy(Child):
    """One haproxy over the pods on the given ports (pod name -> port)."""

    part = "haproxy"

    def __init__(self, directory: Path, pods: Mapping[str, int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._stats_port = free_port()
        self._configuration = directory / "haproxy.cfg"
        self._pods = pods
        super().__init__(haproxy_name(), [need("haproxy"), "-db", "-f", str(self._configuration)], directory)

    async def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        servers = "\n".join(f"    server {pod} 127.0.0.1:{port} cookie {pod}" for pod, port in self._pods.items())
        self._configuration.write_text(
            CONFIGURATION.format(port=self.port, stats_port=self._stats_port, servers=servers)
        )
        await super().start()

    async def is_ready(self) -> bool:
        return await self._statistics() is not None

    async def pods_up(self) -> set[str]:
        """Return the pods that it gives new clients to, by its own health checks."""
        rows = csv.DictReader((await self._statistics() or "").removeprefix("# ").splitlines())
        # Until its first check (INI) haproxy takes a pod to be up.
        up = {row["svname"] for row in rows if row["status"].startswith("UP") and "INI" not in row["check_status"]}
        return up & self._pods.keys()

    async def sees(self, *pods: str, timeout_seconds: float = 10) -> None:
        """Wait until just these pods are up for it."""

        async def just_these() -> bool:
            return await self.pods_up() == set(pods)

        await eventually(just_these, timeout_seconds, f"haproxy finds that {', '.join(pods) or 'none'} is up")

    async def _statistics(self) -> str | None:
        response = await get(f"http://127.0.0.1:{self._stats_port}/;csv")
        return None if response is None else response.text


@cache
def haproxy_name() -> str:
    """Return what the program calls itself, such as `HAProxy version 2.6.12-1+deb12u4`."""
    said = subprocess.run([need("haproxy"), "-v"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:3])
