"""How Redis calls what has to do with channels."""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """Commands, and the first words of what Redis pushes."""

    publish: str
    subscribe: str
    unsubscribe: str
    subscribed: bytes
    unsubscribed: bytes
    message: bytes


PLAIN: Final = Words("PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", b"subscribe", b"unsubscribe", b"message")
SHARDED: Final = Words("SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE", b"ssubscribe", b"sunsubscribe", b"smessage")
