"""What a report of a load says: the verdict first, and the whole truth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from load import progress, report
from load.plan import Plan
from load.report import Report
from load.stage import Lived, Tracks
from swarm.timeline import Entry, Failure, Judged, Second, Summary, Timeline
from swarm.tokens import BadSettings
from tool.errors import Unable

KEPT = Judged("connect", "p99_ms_max", 5_000, 31, is_kept=True)
BROKEN = Judged("gap", "failures_max", 0, 2, is_kept=False)
SUMMARY = Summary(
    options={"shape": "plateau", "host": "http://shop.example"},
    seconds=4.0,
    entries={"deliver order:updated": Entry(1_200, 0, 20.0, 40.0, 90.0), "gap": Entry(0, 0, None, None, None)},
    thresholds=[KEPT],
    failures=[Failure("gap", "2 of <order:updated> never came", 1)],
    problems=[],
    exit_code=0,
)
PLAN = Plan(
    users=100,
    seconds=60,
    shape="plateau",
    transport="websocket",
    pods=3,
    events_per_second=40,
    processes=1,
    thresholds=Path(report.__file__).parents[1] / "swarm" / "thresholds.toml",
    kafka="embedded",
)


def lived(summary: Summary | None = SUMMARY, *problems: str) -> Lived:
    seconds = [
        Second(
            1_000.0 + n,
            float(n),
            "calm" if n < 3 else "restart",
            100,
            100,
            90 + n,
            1,
            10.0,
            {"deliver order:updated": Entry(300 * n, 0, 20.0, 40.0, 90.0), "produce": Entry(40 * n, 0, 3.0, 4.0, 5.0)},
        )
        for n in range(1, 5)
    ]
    points = [(float(n), n / 10) for n in range(5)]
    tracks = Tracks(
        cores={"pod-0": points, "Locust": points},
        resident_bytes={"pod-0": [(at, 9e7) for at, _ in points], "Locust": [(at, 8e7) for at, _ in points]},
        connections={"pod-0": [(at, 50.0) for at, _ in points]},
    )
    return Lived(Timeline(seconds, summary), tracks, [(3.1, "pod-0 leaves"), (3.9, "pod-0 is back")], list(problems))


def told(what: Lived) -> Report:
    return Report("Load: plateau, 100 people", {"Target": "http://shop.example"}, what)


@pytest.mark.parametrize(
    ("what", "code", "verdict"),
    [
        (lived(), 0, "Kept: all 1 thresholds"),
        (lived(replace(SUMMARY, thresholds=[KEPT, BROKEN])), 1, "Broken: gap: failures_max is 2, allowed 0"),
        (lived(SUMMARY, "pod-1 ended with 9"), 1, "Broken: pod-1 ended with 9"),
        (
            lived(replace(SUMMARY, problems=["worker 1 of 2 is gone"], exit_code=3)),
            3,
            "Not carried out: worker 1 of 2 is gone",
        ),
        (lived(None), 3, "Not carried out: the run was cut off"),
    ],
    ids=["kept", "threshold", "restart", "worker", "cut off"],
)
def test_the_verdict(what: Lived, code: int, verdict: str) -> None:
    assert told(what).exit_code == code
    assert told(what).verdict.startswith(verdict)


def test_a_report_is_one_file_that_needs_nothing_else_and_says_the_verdict_first(tmp_path: Path) -> None:
    report.write(tmp_path, told(lived(replace(SUMMARY, thresholds=[KEPT, BROKEN]))))
    html = (tmp_path / "report.html").read_text()
    assert html.index("Broken: gap") < html.index("<table") < html.index("<img") < html.index("What it cost")
    assert html.count("data:image/png;base64,") == 4
    assert "http://" not in html.replace("http://shop.example", "")
    assert "&lt;order:updated&gt;" in html
    for name in ("connections.png", "throughput.png", "latency.png", "pods.png", "results.md"):
        assert (tmp_path / name).stat().st_size
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["exitCode"] == 1
    assert results["samples"]["cores"]["pod-0"]


def test_a_worker_that_is_at_its_limit_is_told_beside_the_numbers(tmp_path: Path) -> None:
    what = lived()
    assert ("10 %", "of its core, busiest worker") in told(what).numbers()
    assert not told(what).notes()
    what.timeline.seconds[1:] = [replace(one, cpu_percent=97.4) for one in what.timeline.seconds[1:]]
    report.write(tmp_path, told(what))
    for name in ("report.html", "results.md"):
        text = (tmp_path / name).read_text()
        assert "A worker of Locust was at its limit: the busiest took 97 % of its core, and 90 % or more" in text
        assert "in 3 of 4 seconds" in text
    assert json.loads((tmp_path / "results.json").read_text())["busiestWorkerPercent"] == 97.4


def test_a_report_of_a_run_elsewhere_has_no_processes(tmp_path: Path) -> None:
    what = lived()
    what.tracks = Tracks()
    report.write(tmp_path, told(what))
    assert not (tmp_path / "pods.png").exists()
    assert "What it cost" not in (tmp_path / "report.html").read_text()


def test_what_cost_a_process_is_of_the_run_alone() -> None:
    what = lived()
    what.tracks.cores["pod-0"] = [(-5.0, 1.0), *what.tracks.cores["pod-0"], (99.0, 1.0)]
    (pod, _) = told(what).processes()
    assert pod == ["pod-0", "50", "0.20", "0.40", "90", "90"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shape": "pear"}, "--shape pear: there is plateau, ramp"),
        ({"transport": "pigeon"}, "--transport pigeon: there is websocket"),
        ({"kafka": "franz"}, "--kafka franz: there is apache, embedded"),
        ({"users": 10_000_000}, "ulimit -Hn 20000256`"),
        ({"thresholds": Path("/nowhere.toml")}, "--thresholds /nowhere.toml: "),
    ],
)
def test_what_cannot_be_is_told(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises((BadSettings, Unable), match=message):
        replace(PLAN, **wrong).check()


def test_a_hold_lets_people_come_twice_as_fast_as_it_asks_for_them() -> None:
    assert replace(PLAN, shape="hold", users=3_600).users_per_second == pytest.approx(200)
    assert replace(PLAN, users=3_600).users_per_second == pytest.approx(100)


def test_a_rate_is_of_some_seconds_and_at_first_of_those_since_the_beginning() -> None:
    seconds = lived().timeline.seconds
    assert progress.rates(seconds, "events") == [(1.0, 40.0), (2.0, 40.0), (3.0, 40.0), (4.0, 40.0)]
    late = [replace(seconds[1], entries={}), seconds[3]]
    assert progress.rates(late, "events", over=3) == [(2.0, 0.0), (4.0, 40.0)]
