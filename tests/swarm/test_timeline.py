"""A run as a file: what is written is read again, and a run that was cut off is no error."""

import io
from pathlib import Path

import pytest

from swarm.timeline import Entry, Failure, Judged, Second, Summary, Timeline, read, write


def second(number: int, phase: str = "plateau", delivered: int = 0) -> Second:
    entries = {
        "deliver order:updated": Entry(delivered, 1, 20.0, 40.0, 90.0),
        "caught up": Entry(3, 0, None, None, None),
        "produce": Entry(7, 2, 4.0, 5.0, 6.0),
    }
    return Second(1_000.0 + number, float(number), phase, 10, 10, 9, 1, 12.5, entries)


SUMMARY = Summary(
    options={"shape": "plateau"},
    seconds=3.0,
    entries={"connect": Entry(10, 0, 5.0, 6.0, 7.0)},
    thresholds=[Judged("gap", "failures_max", 0, 0, is_kept=True)],
    failures=[Failure("recover", "history_gone", 2)],
    problems=[],
    exit_code=0,
)


def text_of(timeline: Timeline) -> str:
    file = io.StringIO()
    write(file, timeline)
    return file.getvalue()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    told = Timeline([second(1), second(2)], SUMMARY)
    (tmp_path / "run.jsonl").write_text(text_of(told))
    assert read(tmp_path / "run.jsonl") == told


def test_a_run_that_was_cut_off_has_its_seconds_and_no_summary(tmp_path: Path) -> None:
    whole = text_of(Timeline([second(1), second(2)], SUMMARY))
    (tmp_path / "run.jsonl").write_text(whole[:-20])
    told = read(tmp_path / "run.jsonl")
    assert (len(told.seconds), told.summary) == (2, None)


@pytest.mark.parametrize("line", ["no json", "{}", '{"at": 1}', "[]", '{"summary": {}}', '{"summary": 1}'])
def test_what_is_no_timeline_is_told_of(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError):
        read(tmp_path / "run.jsonl")


def test_what_failed_is_no_delivery_and_no_event() -> None:
    assert second(1, delivered=5).deliveries == 4 + 3
    assert second(1).events == 5


def test_phases_are_told_by_when_each_began() -> None:
    seconds = [second(1, "calm"), second(2, "calm"), second(3, "restart"), second(4, "restart")]
    assert Timeline(seconds).phases == [(1.0, "calm"), (3.0, "restart")]
