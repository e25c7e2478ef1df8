"""Structured logs: JSON for machines, text on a terminal. No secrets, no endless lines, no endless repetition."""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Final

import stamina
import structlog
from structlog.typing import EventDict, Processor

from realtime.settings import LogSettings
from realtime.telemetry.failures import as_data, as_text, failures_of
from realtime.telemetry.lines import LineHandler, Report, exception_of
from realtime.telemetry.plain import MAX_NAME, Line
from realtime.telemetry.redaction import Redaction
from realtime.telemetry.repetition import Repetition
from realtime.telemetry.tracing import NO_SPAN, current_span

# uvicorn writes the whole URL of each websocket, and a token may stand in its query.
NOISY: Final = ("aiokafka", "socketio", "engineio", "uvicorn.access", "uvicorn.error")
# Of our own making, and short.
_PLAIN_ALREADY: Final = frozenset({"level", "timestamp", "pod", "trace_id", "span_id", "repeated"})


def configure_logging(
    settings: LogSettings, pod: str, secrets: Iterable[str] = (), report: Report | None = None
) -> None:
    """Send everything, the libraries' logs too, to standard output in one form.

    `secrets` are told nowhere, whatever they look like. `report` is given the errors that are logged.
    """
    is_text = settings.format == "text" or (settings.format == "auto" and sys.stdout.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _Naming(pod),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()) if is_text else structlog.processors.JSONRenderer()
    )
    handler = LineHandler(sys.stdout, Repetition(settings.repeats_max, settings.repeats_window_seconds), report)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_note_repetitions, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _Plain(Redaction(secrets), is_text=is_text),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # Each batch that a collector did not take is told once, as lost; not each attempt.
    logging.getLogger("opentelemetry").setLevel(max(logging.ERROR, root.level))
    for own in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(own).handlers = []
        logging.getLogger(own).propagate = True
    # Whoever retries logs why, in words of its own.
    stamina.instrumentation.set_on_retry_hooks(())


class _Naming:
    """Says which pod a line is of, and of which trace."""

    def __init__(self, pod: str) -> None:
        self._pod = pod

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        event["pod"] = self._pod
        span = current_span()
        if span is not NO_SPAN:
            event["trace_id"], event["span_id"] = span.trace_id, span.span_id
        return event


def _note_repetitions(_: Any, __: str, event: EventDict) -> EventDict:
    repeated = getattr(event["_record"], "repeated", None)
    if isinstance(repeated, int):
        event["repeated"] = repeated
    return event


class _Plain:
    """Makes all of a line plain, the last thing before it is written."""

    def __init__(self, redact: Redaction, *, is_text: bool) -> None:
        self._redact = redact
        self._is_text = is_text

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        line = Line(self._redact, keeps_line_ends=not self._is_text)
        error = exception_of(event.pop("exc_info", None))
        stack = event.pop("stack", None)
        told: EventDict = {}
        for name, value in event.items():
            if name in _PLAIN_ALREADY:
                told[name] = value
            else:
                plain_name = line.text(str(name), MAX_NAME)
                told[plain_name] = line.named(plain_name, value)
        if error is not None:
            failures = failures_of(error)
            told["exception"] = as_text(failures, line) if self._is_text else as_data(failures, line)
        if stack is not None:
            told["stack"] = "\n".join(f"    {line.text(step)}" for step in str(stack).splitlines()[-64:])
        return told
