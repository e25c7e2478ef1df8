"""The demo's pods as the proxy and the page see them: which are ready, and which one holds a session."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import aiohttp

from realtime.demo.children import Child
from realtime.demo.ports import HOST

LOOK_INTERVAL_SECONDS: Final = 0.25
LOOK_TIMEOUT: Final = aiohttp.ClientTimeout(total=1.0)


@dataclass
class DemoPod:
    """One pod. Its id stands behind the dot of its sessions' ids, and is known once it has answered."""

    name: str
    port: int
    child: Child
    pod_id: str | None = None
    is_ready: bool = False

    def holds(self, session_id: str) -> bool:
        """Whether the session's id (`3kQ0vUmX9aYtW2fZ.b7Hq1xYc`) names this pod."""
        return self.pod_id is not None and session_id.rpartition(".")[2] == self.pod_id


class DemoPods:
    """All pods, kept up to date by `watch`."""

    def __init__(self, pods: list[DemoPod], http: aiohttp.ClientSession) -> None:
        self._pods = pods
        self._http = http
        self._turns = count()

    def __iter__(self) -> Iterator[DemoPod]:
        return iter(self._pods)

    def of_session(self, session_id: str) -> DemoPod | None:
        """The pod that holds a session, also when it has ended; None for what is no session's id."""
        return next((pod for pod in self._pods if pod.holds(session_id)), None)

    def in_turn(self) -> list[DemoPod]:
        """The pods that are ready, in the order in which a newcomer tries them: another one first each time."""
        ready = [pod for pod in self._pods if pod.is_ready]
        first = next(self._turns) % len(ready) if ready else 0
        return ready[first:] + ready[:first]

    async def watch(self) -> None:
        """Ask every pod how it is, again and again. Runs until cancelled."""
        while True:
            await asyncio.gather(*(self.look(pod) for pod in self._pods))
            await asyncio.sleep(LOOK_INTERVAL_SECONDS)

    async def look(self, pod: DemoPod) -> bool:
        """Ask one pod whether it is ready; no answer is an answer, too."""
        try:
            url = f"http://{HOST}:{pod.port}/health/ready"
            async with self._http.get(url, timeout=LOOK_TIMEOUT) as response:
                health: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pod.is_ready = False
        else:
            pod.pod_id, pod.is_ready = health.get("podId"), response.status == 200
        return pod.is_ready
