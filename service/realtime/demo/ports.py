"""Ports on loopback: the public one, which is promised, and free ones for what stands behind it."""

import errno
import random
import socket
from typing import Final

from realtime.demo.errors import PortTaken

HOST: Final = "127.0.0.1"

# Below the range that systems take outgoing ports from (32768 and up on Linux): otherwise a client that reconnects to
# a part that is down may be given the part's own port to connect from, and reach itself.
FIRST_FREE, LAST_FREE = 20_000, 32_000
MAX_TRIES: Final = 1_000


def listen_on(port: int) -> socket.socket:
    """Listen on the port that was asked for; 0 takes any. Raises `PortTaken` with a sentence for people."""
    try:
        return socket.create_server((HOST, port), backlog=256)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise PortTaken(
            f"Port {port} on {HOST} {why}. Choose another one: make demo ARGS='--port {_another(port)}'"
            f"  (or: realtime demo --port {_another(port)})"
        ) from None


def free_port() -> int:
    """Find a port that nobody listens on now, at random, since several demos may look at the same time."""
    for _ in range(MAX_TRIES):
        port = random.randint(FIRST_FREE, LAST_FREE)  # noqa: S311 - not a secret
        if _is_free(port):
            return port
    raise PortTaken(f"No free port on {HOST} between {FIRST_FREE} and {LAST_FREE}.")


def _another(port: int) -> int:
    return next((other for other in range(max(port, 1_024) + 1, 65_536) if _is_free(other)), 0)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
