"""What is printed and kept of a drill."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from rich.console import Console

from chaos.judge import Verdict
from chaos.scenario import Outcome
from drill.alerts import FIRING, PENDING, RESOLVED
from drill.calm import Told
from drill.expectations import Expectations, ExpectedAlert, ExpectedPanel
from drill.rehearsal import Rehearsal
from drill.report import alert_rows, panel_rows, print_rehearsal, timeline, write_results
from tool.kept import Header

HEADER = Header(datetime(2026, 11, 28, tzinfo=UTC), "abc1234", "make drill", 600, {"cores": "2"}, {"Python": "3.11"})


def rehearsal() -> Rehearsal:
    expected = Expectations(
        [ExpectedAlert("Away", 45, 60), ExpectedAlert("Silent", 45, 60)],
        [ExpectedPanel("redis: Heard", 20), ExpectedPanel("redis: Silent", 20)],
    )
    made = Rehearsal("redis_away", expected, outcome=Outcome("redis_away", "6", Verdict(events=100, devices=7)))
    made.mended, made.watched_until = 60.0, 200.0
    made.watch.see(15.0, [("Away", PENDING), ("Late", PENDING)])
    made.watch.see(30.0, [("Away", FIRING), ("Late", PENDING)])
    made.watch.notified(31.0, "Away", FIRING)
    made.watch.see(80.0, [("Late", FIRING)])
    made.watch.notified(82.0, "Away", RESOLVED)
    made.panels = {
        "redis: Heard": Told(10.0, 70.0, "left its range", "0 to 1", "3 to 60"),
        "redis: Silent": None,
        "intake: Rates": Told(12.0, 199.0, "left its range", "40", "0"),
    }
    made.problems = ["Silent was never firing"]
    return made


def test_alerts_are_told_in_the_order_in_which_they_fired() -> None:
    assert alert_rows(rehearsal()) == [
        ["Away", "firing within 45", "15.0", "30.0", "31.0", "80.0", "82.0"],
        ["Late", "", "15.0", "80.0", "", "still firing at 200", ""],
        ["Silent", "firing within 45", "", "", "", "", ""],
    ]


def test_panels_are_told_in_the_order_in_which_they_told() -> None:
    assert [row[:4] for row in panel_rows(rehearsal())] == [
        ["redis: Heard", "20", "10", "70"],
        ["intake: Rates", "", "12", "the end"],
        ["redis: Silent", "20", "never", ""],
    ]


def test_the_timeline_holds_all_that_was_told_in_order() -> None:
    events = timeline(rehearsal())
    assert events == sorted(events)
    assert [what for _, what in events][:3] == [
        "redis_away begins",
        "panel redis: Heard: 0 to 1 -> 3 to 60 (left its range)",
        "Away is pending",
    ]


def test_a_run_is_printed_and_kept_with_its_picture(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200)
    print_rehearsal(console, rehearsal())
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "FAILED: 1 problems" in printed
    assert "Silent was never firing" in printed
    where = write_results(tmp_path, HEADER, [rehearsal()])
    assert where.name == "2026-11-28-abc1234-drill"
    assert "| Away |" in (where / "results.md").read_text()
    assert json.loads((where / "results.json").read_text())["drills"][0]["passed"] is False
    assert (where / "redis_away.png").stat().st_size > 10_000
    assert write_results(tmp_path, HEADER, [rehearsal()]).name.endswith("-drill-2")
