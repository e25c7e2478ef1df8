"""Why a server ends a session, said to the client in `connection:closing` before the socket closes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Closing:
    """A reason: `code` for programs, `message` for people; come back only when `retryable`."""

    code: str
    message: str
    retryable: bool


TOKEN_EXPIRED: Final = Closing("token_expired", "Your token has expired; come back with a new one.", retryable=True)
TOO_MANY_COMMANDS: Final = Closing("rate_limited", "Too many commands; the session is closed.", retryable=False)
SLOW_CLIENT: Final = Closing("slow_client", "Messages waited too long for this client.", retryable=True)
TRY_AGAIN: Final = Closing("try_again", "The server could not finish what it began; come back.", retryable=True)
SERVER_DRAINING: Final = Closing("draining", "This server is leaving; another one takes you.", retryable=True)
