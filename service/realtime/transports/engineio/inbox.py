"""What waits to be handled for one connection, beside its messages."""

from typing import Final

# Messages of one client that may be read and not yet handled; behind them its TCP connection, or its POST, waits.
MAX_INBOX: Final = 16
# Frames of one client that are read before others have their turn.
FRAMES_PER_TURN: Final = 64
# Messages of one client that are handled before others have their turn.
MESSAGES_PER_TURN: Final = 8


class Goodbye:
    """Stands behind the last message of a client that leaves; `answer` is what it still hears."""

    __slots__ = ("answer", "reason")

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        self.reason = reason
        self.answer = answer


class End:
    """The connection has ended: the application is told why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


InboxItem = str | bytes | Goodbye | End
