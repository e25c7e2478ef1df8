"""What connections share, and the words for how they end."""

from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeVar

from realtime.settings import SocketSettings
from realtime.transports.engineio.wheel import Wheel

# How long a closing connection may take to say goodbye.
GOODBYE_SECONDS: Final = 5.0

C_contra = TypeVar("C_contra", contravariant=True)  # the connection


class Reason:
    """Why a connection ended, in python-engineio's words, which `disconnect` handlers know."""

    CLIENT_DISCONNECT: Final = "client disconnect"
    SERVER_DISCONNECT: Final = "server disconnect"
    PING_TIMEOUT: Final = "ping timeout"
    TRANSPORT_CLOSE: Final = "transport close"
    TRANSPORT_ERROR: Final = "transport error"
    # Ours.
    SLOW_CLIENT: Final = "slow client"
    HISTORY_GAP: Final = "history gap"
    SUPERSEDED: Final = "superseded"


REASONS: Final = tuple(value for name, value in vars(Reason).items() if name.isupper())


class State(Enum):
    """A connection's life."""

    OPEN = auto()
    CLOSING = auto()  # its end has been told to the application; the client is still being told
    CLOSED = auto()


class Hub(Protocol[C_contra]):
    """What all connections of a pod share."""

    settings: SocketSettings
    wheel: Wheel

    def flush(self) -> None:
        """Write what is in the outbox."""
        ...

    def pace_changed(self) -> None:
        """Some connection can be written to directly now, or no longer."""
        ...

    def start(self, connection: C_contra, work: Coroutine[Any, Any, None]) -> None:
        """Run what a connection has to do beside the network's callbacks, soon."""
        ...

    def forget(self, connection: C_contra) -> None:
        """The connection's id means nothing any more."""
        ...

    def on_pong(self, connection: C_contra) -> None:
        """The client has answered a ping, and so has heard what was written before it."""
        ...

    async def on_message(self, connection: C_contra, message: str | bytes) -> None:
        """Handle a message. Raises `ProtocolViolation`, which closes the connection."""
        ...

    async def on_close(self, connection: C_contra, reason: str) -> None:
        """Handle the end; nothing more comes from this connection."""
        ...

    def on_violation(self) -> None:
        """A client broke the protocol; its connection is being closed."""
        ...

    def on_conflated(self) -> None:
        """What waited for a client was replaced by something newer."""
        ...

    def on_slow(self, connection: C_contra) -> None:
        """More waits for the client than may; close the connection."""
        ...
