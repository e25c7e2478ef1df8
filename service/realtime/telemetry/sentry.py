"""Bugs, reported to Sentry: the one module that knows its SDK.

What is sent is put together here, field by field, and not by the SDK's integrations: class, place, pod, version.
No variables, no requests, no user; an error's own words only where the settings ask for them.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import sentry_sdk

from realtime.settings import SentrySettings
from realtime.telemetry.failures import Failure, failures_of
from realtime.telemetry.plain import Line
from realtime.telemetry.redaction import Redaction
from realtime.telemetry.reports import Reports, is_bug
from realtime.telemetry.tracing import NO_SPAN, current_span

# Reports that may wait while Sentry is slow; more are dropped.
QUEUE_REPORTS: Final = 50
CLOSE_SECONDS: Final = 2.0
MAX_WORDS: Final = 512
_PACKAGES: Final = ("site-packages", "dist-packages")


class SentryReports(Reports):
    """See `Reports`. A thread of the SDK's sends what waits in a bounded queue."""

    def __init__(self, settings: SentrySettings, pod: str, version: str, secrets: Iterable[str]) -> None:
        assert settings.dsn is not None
        self._includes_messages = settings.include_messages
        self._pod = pod
        self._redact = Redaction(secrets)
        self._client = sentry_sdk.Client(
            dsn=settings.dsn.get_secret_value(),
            release=f"realtime@{version}",
            environment=settings.environment,
            server_name=pod,
            sample_rate=settings.sample_rate,
            transport_queue_size=QUEUE_REPORTS,
            shutdown_timeout=CLOSE_SECONDS,
            # It patches nothing, listens to nothing, and takes nothing along.
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            enable_backpressure_handling=False,
            enable_metrics=False,
            propagate_traces=False,
            spotlight=False,
        )

    def take(self, error: BaseException, logger: str, event: str) -> None:
        """See `Reports.take`."""
        if is_bug(error, logger):
            self._client.capture_event(self._event(error, logger, event))  # type: ignore[arg-type]

    def close(self) -> None:
        """See `Reports.close`."""
        self._client.close(timeout=CLOSE_SECONDS)

    def _event(self, error: BaseException, logger: str, event: str) -> dict[str, Any]:
        line = Line(self._redact, keeps_line_ends=True)
        told: dict[str, Any] = {
            "level": "error",
            "timestamp": time.time(),
            "logger": logger,
            "tags": {"pod": self._pod},
            # Sentry's order: what was raised first stands first.
            "exception": {"values": [self._value(failure, line) for failure in reversed(failures_of(error))]},
        }
        if event:
            told["logentry"] = {"message": line.text(event)}
        span = current_span()
        if span is not NO_SPAN:
            told["contexts"] = {"trace": {"trace_id": span.trace_id, "span_id": span.span_id}}
        return told

    def _value(self, failure: Failure, line: Line) -> dict[str, Any]:
        members = [self._value(member, line) for member in failure.members[:3]]
        told: dict[str, Any] = {
            "type": failure.type,
            "module": type(failure.error).__module__,
            "mechanism": {"type": "logging", "handled": True},
            "stacktrace": {
                "frames": [
                    {
                        "abs_path": frame.filename,
                        "filename": _short(frame.filename),
                        "function": frame.name,
                        "lineno": frame.lineno or None,
                        "in_app": not any(package in frame.filename for package in _PACKAGES),
                    }
                    for frame in failure.frames
                ]
            },
        }
        if self._includes_messages:
            told["value"] = line.text(failure.words, MAX_WORDS)
        elif members:
            told["value"] = ", ".join(str(member["type"]) for member in members)
        return told


def _short(filename: str) -> str:
    """A file as it is called in its package: where that is installed differs between pods."""
    parts = Path(filename).parts
    for place, part in enumerate(parts):
        if part in _PACKAGES or part == "service":
            return "/".join(parts[place + 1 :])
    return filename
