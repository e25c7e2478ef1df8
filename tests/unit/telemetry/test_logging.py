"""Logs: one form for all, and nothing in them that must stay secret."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from realtime.settings import LogSettings
from realtime.telemetry.logging import configure_logging

TOKEN = "hunter2"


@pytest.fixture(autouse=True)
def logging_as_it_was(logs: list[Any]) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    kept = structlog.get_config()
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**kept)
    structlog.contextvars.clear_contextvars()


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


def fail_with(token: str) -> None:
    secret_of_the_frame = token + token  # noqa: F841 - it must not be seen
    raise LookupError("the words")


def test_a_line_is_one_json_object_that_names_the_pod(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), "pod-7")
    structlog.get_logger("realtime.test").info("it_happened", records=5)
    line = read(capsys)
    assert (line["event"], line["records"], line["level"], line["pod"]) == ("it_happened", 5, "info", "pod-7")
    assert line["logger"] == "realtime.test"
    assert line["timestamp"].endswith("Z")


def test_the_libraries_logs_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), "pod-7")
    logging.getLogger("somebody.else").warning("it %s", "rains")
    line = read(capsys)
    assert (line["event"], line["level"], line["pod"]) == ("it rains", "warning", "pod-7")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
def test_a_trace_tells_the_error_but_not_the_variables(
    get_logger: Any, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogSettings(format=form), "pod-7")
    try:
        fail_with(TOKEN)
    except LookupError:
        get_logger("any").exception("it_failed")
    told = capsys.readouterr().out
    assert "LookupError" in told
    assert "the words" in told
    assert "fail_with" in told
    assert TOKEN not in told


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning", format="json"), "pod-7")
    structlog.get_logger("own").info("a_whisper")
    logging.getLogger("theirs").info("a whisper")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("library", ["aiokafka", "socketio", "engineio", "uvicorn.access"])
def test_noisy_libraries_are_heard_when_they_warn(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="debug", format="json"), "pod-7")
    logging.getLogger(library).info("chatter")
    assert capsys.readouterr().out == ""
    logging.getLogger(library).warning("listen")
    assert read(capsys)["event"] == "listen"


def test_text_is_for_terminals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    configure_logging(LogSettings(format="auto"), "pod-7")
    structlog.get_logger("own").info("it_happened")
    assert not capsys.readouterr().out.startswith("{")
