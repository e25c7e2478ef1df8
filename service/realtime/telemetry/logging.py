"""Structured logs: JSON for machines, text on a terminal."""

import logging
import sys
from typing import Any

import stamina
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict

from realtime.settings import LogSettings
from realtime.telemetry.tracing import NO_SPAN, current_span


def _name_span(_: Any, __: str, event: EventDict) -> EventDict:
    span = current_span()
    if span is not NO_SPAN:
        event["trace_id"], event["span_id"] = span.trace_id, span.span_id
    return event


def configure_logging(settings: LogSettings, pod: str) -> None:
    """Send everything, the libraries' logs too, to standard output in one form."""
    as_text = settings.format == "text" or (settings.format == "auto" and sys.stdout.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_span,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if not as_text:
        # Without the frames' variables: tokens, passwords and people's data are among them.
        shared.append(structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)))
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
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    # uvicorn writes the whole URL of each websocket, and a token may stand in its query.
    for noisy in ("aiokafka", "socketio", "engineio", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    for own in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(own).handlers = []
        logging.getLogger(own).propagate = True
    # Whoever retries logs why, in words of its own.
    stamina.instrumentation.set_on_retry_hooks(())
    structlog.contextvars.bind_contextvars(pod=pod)
