"""Logs: one form for all, and nothing in them that must stay secret."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from parts.tokens import Issuer
from parts.waiting import eventually
from realtime.settings import LogSettings
from realtime.telemetry.logging import configure_logging
from realtime.telemetry.tracing import Kind
from unit.spans import NotedTracing

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


def read_all(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


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


# -- nothing in them that must stay secret, or that is endless ------------------------------------------------------

TOKEN_OF_A_USER = Issuer.hs256().token("u-42")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
def test_secrets_are_hidden_in_messages_values_traces_and_notes(
    get_logger: Any, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogSettings(format=form), "pod-7", ["swordfish"])
    try:
        error = LookupError(f"cannot reach redis://:{TOKEN}@host with {TOKEN_OF_A_USER}")
        error.add_note(f"password={TOKEN}")
        raise error
    except LookupError:
        get_logger("any").exception(f"GET /socket.io/?token={TOKEN} swordfish")
    if get_logger is structlog.get_logger:
        structlog.get_logger("any").info("it", token=TOKEN, headers={"authorization": f"Bearer {TOKEN}"}, x="swordfish")
    logging.getLogger("any").warning("%s", {"password": TOKEN})
    told = capsys.readouterr().out
    assert told.count("***") >= 4
    for secret in (TOKEN, TOKEN_OF_A_USER.split(".")[1], "swordfish"):
        assert secret not in told


@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_can_forge_a_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format=form), "pod-7")
    forged = 'x\r\n{"event": "forged", "level": "info"}\n2026-11-28T12:00:00Z [info     ] forged\x1b[1A\u2028'
    log = structlog.get_logger("realtime.test")
    log.info(forged, value=forged, nested={forged: [forged]})
    logging.getLogger("theirs").warning(forged)
    log.error("it_failed", exc_info=LookupError(forged))
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if line.startswith(('{"event": "forged"', "2026-11-28T12:00:00Z"))]
    assert not [line for line in lines if "\x1b" in line]
    if form == "json":
        assert [json.loads(line)["level"] for line in lines] == ["info", "warning", "error"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_is_short_and_soon_told_however_much_is_to_tell(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format=form), "pod-7")
    huge = "token=x " * 2_000_000
    log = structlog.get_logger("realtime.test")
    began = time.thread_time()
    log.info("huge_value", value=huge, values=[huge] * 100, raw=huge.encode())
    logging.getLogger("theirs").warning(huge)
    log.error("it_failed", exc_info=LookupError(huge))
    logging.getLogger("theirs").error("theirs failed", exc_info=LookupError(huge))
    assert time.thread_time() - began < 1.0
    told = capsys.readouterr().out
    assert len(told) < 1_000_000
    assert "characters more]" in told


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_is_not_utf_8_is_told_as_well_as_can_be(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format=form), "pod-7")
    structlog.get_logger("own").info("half_\ud800", raw=b"\xff\xfe")
    told = capsys.readouterr().out
    assert "line_lost" not in told
    assert "xff" in told


def test_a_line_that_cannot_be_written_is_told_as_lost_and_nothing_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(LogSettings(format="json"), "pod-7")
    logging.getLogger("theirs").warning("%d tokens", TOKEN)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"event": "line_lost", "logger": "theirs"}
    assert told.err == ""


# -- nor repeated without end ---------------------------------------------------------------------------------------


def test_the_same_line_again_and_again_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json", repeats_max=3, repeats_window_seconds=60), "pod-7")
    for number in range(1_000):
        structlog.get_logger("realtime.test").warning("it_happened", number=number)
        logging.getLogger("theirs").warning("it %s", number)
    (handler,) = logging.getLogger().handlers
    handler.close()  # as at the end of the process
    lines = read_all(capsys)
    ours, theirs = ([line for line in lines if line["logger"] == name] for name in ("realtime.test", "theirs"))
    assert [line.get("number") for line in ours] == [0, 1, 2, None]
    assert (ours[-1]["event"], ours[-1]["repeated"], ours[-1]["level"]) == ("it_happened", 997, "warning")
    assert ours[-1]["pod"] == "pod-7"
    assert [line["event"] for line in theirs] == ["it 0", "it 1", "it 2", "it %s"]
    assert theirs[-1]["repeated"] == 997


async def test_what_was_counted_is_told_though_nothing_more_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    # So long that the five are in one window, however busy the machine is.
    configure_logging(LogSettings(format="json", repeats_max=1, repeats_window_seconds=1), "pod-7")
    for _ in range(5):
        structlog.get_logger("own").warning("it_happened")
    lines: list[dict[str, Any]] = []

    def counted() -> bool:
        lines.extend(read_all(capsys))
        return len(lines) > 1

    await eventually(counted, 10, "the count is told")
    assert [line.get("repeated") for line in lines] == [None, 4]


# -- and each says where it belongs ---------------------------------------------------------------------------------


def test_a_line_within_a_span_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), "pod-7")
    span = NotedTracing().begin("work", Kind.SERVER)
    with span:
        structlog.get_logger("own").info("within")
        logging.getLogger("theirs").warning("within")
    structlog.get_logger("own").info("behind")
    within, theirs, behind = read_all(capsys)
    for line in (within, theirs):
        assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
    assert "trace_id" not in behind


def test_errors_are_reported_and_a_report_that_fails_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    reported = []

    def report(error: BaseException, logger: str, event: str) -> None:
        reported.append((type(error), logger, event))
        raise RuntimeError("Sentry is away")

    configure_logging(LogSettings(format="json", repeats_max=2), "pod-7", report=report)
    for _ in range(5):
        try:
            fail_with(TOKEN)
        except LookupError as error:
            structlog.get_logger("own").exception("it_failed")
            structlog.get_logger("own").warning("it_failed_a_little", exc_info=error)
            logging.getLogger("theirs").exception("of %s", TOKEN)
    assert reported == [(LookupError, "own", "it_failed"), (LookupError, "theirs", "")] * 2
    assert [line["event"] for line in read_all(capsys)].count("it_failed") == 2
