"""Ctrl-C and its like: SIGINT, SIGTERM, and SIGHUP of a terminal that is closed."""

import asyncio
import signal
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """From its making on, a signal cancels the task that made it; or, while that task is in `wait`, ends the wait."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._awaited: asyncio.Future[None] | None = None
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._arrive)

    async def wait(self) -> None:
        """Return when a signal arrives."""
        self._awaited = asyncio.get_running_loop().create_future()
        try:
            await self._awaited
        finally:
            self._awaited = None

    def _arrive(self) -> None:
        print("\n  Ending       (once more: at once)", flush=True)
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        elif self._task is not None:
            self._task.cancel()
