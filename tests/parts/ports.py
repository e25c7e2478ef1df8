"""Free ports on loopback."""

import random
import socket

# Below the range that systems take outgoing ports from (32768 and up on Linux): otherwise a client that reconnects
# to a part that is down may be given the part's own port to connect from, reach itself, and keep the port.
FIRST, LAST = 20_000, 32_000
# A Redis Cluster's node listens for the others on its port and this.
CLUSTER_BUS = 10_000
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, never the same twice; chosen at random, as test workers run in parallel."""
    while True:
        port = random.randint(FIRST, LAST)
        if _take(port):
            return port


def free_cluster_port() -> int:
    """The same, for a node of Redis Cluster: `CLUSTER_BUS` further, its second port is free, too."""
    while True:
        port = random.randint(FIRST, LAST + 767 - CLUSTER_BUS)
        if _is_free(port + CLUSTER_BUS) and _take(port):
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
