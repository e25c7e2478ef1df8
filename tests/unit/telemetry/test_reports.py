"""What is a bug, and what is the weather."""

import asyncio

import pytest

from realtime.errors import InvalidEvent, RedisUnavailable
from realtime.settings import SentrySettings
from realtime.telemetry.reports import Reports, is_bug
from realtime.telemetry.start_reports import start_reports


@pytest.mark.parametrize("error", [KeyError("x"), AssertionError(), OSError("no space left"), RecursionError()])
def test_what_nobody_expected_is_a_bug(error: BaseException) -> None:
    assert is_bug(error, "realtime.intake.pipeline")
    assert is_bug(ExceptionGroup("in a group", [RedisUnavailable("x"), error]), "realtime.app")  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("error", "logger"),
    [
        (RedisUnavailable("x"), "realtime.app"),
        (InvalidEvent("x"), "realtime.app"),
        (asyncio.CancelledError(), "realtime.app"),
        (ConnectionResetError(), "asyncio"),
        (ValueError("no broker"), "aiokafka.client"),
        (TimeoutError(), "opentelemetry.exporter.otlp.proto.http.trace_exporter"),
        (ExceptionGroup("in a group", [RedisUnavailable("x")]), "realtime.app"),
    ],
)
def test_what_was_expected_is_none(error: BaseException, logger: str) -> None:
    assert not is_bug(error, logger)


def test_without_a_dsn_nothing_is_reported_and_nothing_loaded() -> None:
    reports = start_reports(SentrySettings(), "pod", "1", [])
    assert type(reports) is Reports
    reports.take(KeyError("x"), "realtime", "it_failed")
    reports.close()
