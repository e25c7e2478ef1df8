"""The one handler that all lines go through: repetitions are counted, bugs reported, and no line is lost unseen."""

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from realtime.telemetry.repetition import MAX_EVENT_CHARACTERS, Key, Repetition

Report = Callable[[BaseException, str, str], None]
"""Is given an error, the logger's name, and the event's; must neither block nor raise."""


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO, repetition: Repetition, report: Report | None = None) -> None:
        super().__init__(stream)
        self._repetition = repetition
        self._report = report
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless it was written often enough just now."""
        self._tell_counted()
        if not self._repetition.admits(_key(record)):
            self._tell_later()
            return
        super().emit(record)
        error = error_of(record)
        if self._report is not None and error is not None and record.levelno >= logging.ERROR:
            try:
                self._report(error, record.name, _event(record) if isinstance(record.msg, dict) else "")
            except Exception:  # noqa: BLE001 - whoever logs must not fail because nobody could be told
                self.handleError(record)

    def flush(self) -> None:
        """Write what the stream still holds. One that is gone is no reason to fail."""
        with contextlib.suppress(OSError, ValueError):
            super().flush()

    def close(self) -> None:
        """Tell what was counted, before the process ends."""
        with self.lock or contextlib.nullcontext():
            if self._timer is not None:
                self._timer.cancel()
            self._tell_counted(all_of_them=True)
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name there
        """Say that a line could not be written. What the library says instead holds all that the line would have."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(json.dumps({"event": "line_lost", "logger": record.name[:128]}) + self.terminator)

    def _tell_counted(self, *, all_of_them: bool = False) -> None:
        for key, repeated in self._repetition.counted(all_of_them=all_of_them):
            told = {"name": key.logger, "levelno": key.level, "levelname": logging.getLevelName(key.level)}
            super().emit(logging.makeLogRecord({**told, "msg": key.event, "repeated": repeated}))

    def _tell_later(self) -> None:
        if self._timer is None:
            # Of its own: a line that is not followed by any other has to be told of, too.
            self._timer = threading.Timer(self._repetition.window_seconds, self._on_time)
            self._timer.daemon = True
            self._timer.start()

    def _on_time(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._timer = None
            self._tell_counted()
            if self._repetition.holds_back:
                self._tell_later()


def error_of(record: logging.LogRecord) -> BaseException | None:
    """The exception that a record tells of: structlog's in its own form, others' in logging's."""
    return exception_of(record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info)


def exception_of(exc_info: Any) -> BaseException | None:
    """Find the exception in whatever is given as `exc_info`."""
    if exc_info is True:
        return sys.exception()
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1] if len(exc_info) == 3 else None
    return exc_info if isinstance(exc_info, BaseException) else None


def _event(record: logging.LogRecord) -> str:
    message = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    return message[:MAX_EVENT_CHARACTERS] if isinstance(message, str) else type(message).__name__


def _key(record: logging.LogRecord) -> Key:
    # Of the libraries' lines, what they are made from: the same with other arguments is the same again.
    return Key(record.name, record.levelno, _event(record))
