"""What waits to be handled for one connection, beside its messages."""

from typing import Final

# Messages of one client that may be read and not yet handled; behind them its TCP connection, or its POST, waits.
MAX_INBOX: Final = 16


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
