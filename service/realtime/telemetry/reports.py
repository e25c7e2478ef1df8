"""Bugs, reported to where somebody looks at them. This one reports nothing: no DSN is set."""

import asyncio
from typing import Final

from realtime.errors import RealtimeError

# Their errors are the network's, told with a trace though nothing is wrong with the code.
_OF_THE_NETWORK: Final = ("aiokafka", "opentelemetry", "urllib3", "sentry_sdk")


class Reports:
    """Where bugs are reported."""

    def take(self, error: BaseException, logger: str, event: str) -> None:
        """Report an error that was logged, if it is a bug. Neither blocks nor raises."""

    def close(self) -> None:
        """Send what waits, for a moment; nobody waits longer."""


def is_bug(error: BaseException, logger: str) -> bool:
    """Whether an error is one that nobody expected: not raised on purpose, and not the network's weather."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_bug(member, logger) for member in error.exceptions)
    if isinstance(error, RealtimeError | asyncio.CancelledError | KeyboardInterrupt | SystemExit):
        return False
    if logger.split(".", maxsplit=1)[0] in _OF_THE_NETWORK:
        return False
    # What asyncio tells of connections that break at any moment.
    return not (logger == "asyncio" and isinstance(error, OSError))
