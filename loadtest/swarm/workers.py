"""Which of a master's workers are there: one that dies takes its people along, and the run is no longer what it was."""

import os
import socket
from dataclasses import dataclass
from typing import Any, Final

import gevent
from locust import events, runners

from swarm import crowd

# Of one process to its master; Locust's own three seconds are too coarse for a timeline.
runners.WORKER_REPORT_INTERVAL = 1.0
# And how busy it is: with Locust's own ten seconds a short run would know nothing of it.
runners.CPU_MONITOR_INTERVAL = 1.0
LOOK_SECONDS: Final = 1.0
GONE: Final = (
    "it was killed, or has so much to do that it answers no more. Look for the reason (dmesg; in Kubernetes "
    "kubectl describe pod: OOMKilled), and divide the people over more workers (--processes, --worker)"
)
UNJUDGED: Final = (
    "did not say in time whether its people have heard all: it has too much to do. Divide the people over more workers "
    "(--processes, --worker)"
)


@dataclass
class Worker:
    """What one has said last."""

    process: str = "that never reported"
    connected: int = 0
    is_judged: bool = False


class Workers:
    """Those of a master, from `begin` on, by Locust's names for them."""

    def __init__(self, runner: runners.MasterRunner) -> None:
        self._runner = runner
        self._all: dict[str, Worker] = {}
        self._watching: gevent.Greenlet | None = None
        self.lost: list[str] = []
        """In words: which, and what to do."""

    @property
    def unjudged(self) -> list[str]:
        """In words: those who are there, and have not said what their people are owed."""
        there = {client.id for client in self._runner.clients.all if client.state != runners.STATE_MISSING}
        return [
            f"worker {number} of {len(self._all)} ({worker.process}) {UNJUDGED}"
            for number, (client_id, worker) in enumerate(self._all.items(), 1)
            if client_id in there and not worker.is_judged
        ]

    @property
    def connected(self) -> int:
        """How many have a session, of the people of all."""
        return sum(worker.connected for worker in self._all.values())

    def begin(self) -> None:
        """Those who are there now must stay."""
        self._all = {client.id: Worker() for client in self._runner.clients.all}
        self.lost = []
        if self._watching is not None:  # over the run before, by the web UI
            self._watching.kill()
        self._watching = gevent.spawn(self._watch)

    def tell(self, what: str) -> None:
        """Tell all of them."""
        self._runner.send_message(what)

    def hear(self, client_id: str, data: dict[str, Any]) -> None:
        """Take a worker's report."""
        if client_id in self._all and "swarm" in data:
            self._all[client_id] = Worker(**data["swarm"])

    def look(self) -> None:
        """See who is gone. Once the run is over they may leave; who fell silent before that has not left."""
        is_over = self._runner.state not in {runners.STATE_SPAWNING, runners.STATE_RUNNING}
        states = {client.id: client.state for client in self._runner.clients.all}
        missing = runners.STATE_MISSING
        self.lost = [
            f"worker {number} of {len(self._all)} ({worker.process}) is gone: {GONE}"
            for number, (client_id, worker) in enumerate(self._all.items(), 1)
            if states.get(client_id, None if is_over else missing) == missing
        ]

    def _watch(self) -> None:
        """End the run as soon as one is missing."""
        while not self.lost:
            gevent.sleep(LOOK_SECONDS)
            self.look()
        self._runner.quit()


@events.report_to_master.add_listener
def report(client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG001 - Locust calls it by name
    """Tell the master what a worker knows alone."""
    data["swarm"] = {
        "process": f"process {os.getpid()} on {socket.gethostname()}",
        "connected": crowd.now().connected,
        "is_judged": crowd.now().is_judged,
    }
