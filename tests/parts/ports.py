"""Free ports on loopback."""

import os
import random
import socket
from collections.abc import Callable

# Below the range that systems take outgoing ports from (32768 and up on Linux): otherwise a client that reconnects
# to a part that is down may be given the part's own port to connect from, reach itself, and keep the port.
PORTS = range(22_768, 30_000)
# A Redis Cluster's node listens for the others on its port and this: from 30,000 on nobody else takes any.
CLUSTER_BUS = 10_000
CLUSTER_PORTS = range(20_000, 22_768)
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, never the same twice.

    A part that is down still has its port, though nobody can see that. So workers of one run (pytest-xdist) never take
    each other's; of other runs on this machine nothing is known, but that chance seldom gives two the same.
    """
    return _free_port(PORTS, _take)


def free_cluster_port() -> int:
    """The same, for a node of Redis Cluster: `CLUSTER_BUS` further, its second port is free, too."""
    return _free_port(CLUSTER_PORTS, lambda port: _is_free(port + CLUSTER_BUS) and _take(port))


def own_share(ports: range, worker: str, workers: int) -> range:
    """Those of the ports that are for one worker of so many: gw0, gw1 and so on."""
    return ports[int(worker.removeprefix("gw")) :: workers]


def _free_port(ports: range, take: Callable[[int], bool]) -> int:
    mine = own_share(
        ports, os.environ.get("PYTEST_XDIST_WORKER", "gw0"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    )
    while True:
        port = random.choice(mine)
        if take(port):
            return port


def _take(port: int) -> bool:
    if port in _handed_out or not _is_free(port):
        return False
    _handed_out.add(port)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
