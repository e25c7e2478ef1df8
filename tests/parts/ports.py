"""Free ports on loopback."""

import random
import socket

# Below the range that systems take outgoing ports from (32768 and up on Linux): otherwise a client that reconnects
# to a part that is down may be given the part's own port to connect from, reach itself, and keep the port.
FIRST, LAST = 20_000, 32_000
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, never the same twice; chosen at random, as test workers run in parallel."""
    while True:
        port = random.randint(FIRST, LAST)
        if port not in _handed_out and _is_free(port):
            _handed_out.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
