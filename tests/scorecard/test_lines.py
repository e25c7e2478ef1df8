"""Who is called best, and what is told beside."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.measurements import Measurements, Metric, Summary
from bench.pods import NODE_SHARDED
from bench.processes import NODE, OURS
from bench.programs import HERE
from parts.waiting import eventually
from scorecard.busy import Busy, beside
from scorecard.card import Card
from scorecard.contenders import CONTENDERS
from scorecard.lines import Line, best_of, lines_of, number
from scorecard.plan import FULL
from scorecard.report import repetitions_of
from tool.machine import Cores

PINNED = str(HERE / "pinned.py")
SHARE = Metric("drops/delivered", "delivered", "%")
LATENCY = Metric("latency/p50", "p50", "ms", more_is_better=False)


def _of(*values: float, repetitions: int = 1) -> list[Summary | None]:
    return [Summary(value, value, value, repetitions) for value in values]


def test_the_best_are_all_whose_spread_overlaps_with_the_best_ones() -> None:
    best, as_good = Summary(2.0, 1.9, 2.4, 3), Summary(2.5, 2.3, 2.6, 3)
    worse = Summary(2.45, 2.41, 2.5, 3)

    assert best_of(LATENCY, [worse, best, None, as_good]) == {1, 3}


def test_of_few_repetitions_what_is_within_a_tenth_is_no_worse() -> None:
    assert best_of(LATENCY, _of(2.0, 2.19, 2.21)) == {0, 1}
    assert best_of(LATENCY, _of(2.0, 2.19, 2.21, repetitions=3)) == {0}


def test_what_is_counted_is_exact_however_often() -> None:
    assert best_of(SHARE, _of(100.0, 94.3)) == {0}


def test_who_waited_for_others_is_marked_and_nobody_is_better_at_that() -> None:
    measured = Measurements()
    rate, beside_it = Metric("backlog/rate", "rate", "records/s"), beside("backlog")
    per_core = Metric("backlog/per_core", "per core", "deliveries/core-s")
    contenders = [CONTENDERS[OURS], CONTENDERS[NODE]]
    for contender, busy in zip(contenders, (50, 95), strict=True):
        measured.record(rate, contender.kind, 1_000)
        measured.record(beside_it, contender.kind, busy)
        measured.record(per_core, contender.kind, 2_000)

    lines = lines_of(measured, contenders)

    assert [[line.text(i) for i in range(2)] for line in lines] == [
        ["1,000", "1,000\N{DAGGER}"],
        ["50", "95\N{DAGGER}"],
        ["2,000", "2,000"],
    ]
    assert lines[1].best == set()


async def test_a_core_that_is_kept_busy_is_told() -> None:
    core = min(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, PINNED, str(core), sys.executable, "-c", "while True: pass"]) as spinning:
        busy = Busy(core)
        try:
            await eventually(lambda: 80 <= busy.percent() <= 100, 20, "the core is seen to be busy")
        finally:
            spinning.kill()


def test_each_repetition_begins_with_another_one(tmp_path: Path) -> None:
    progress = Progress(console=Console(quiet=True))
    card = Card(
        directory=tmp_path,
        cores=Cores(0, 0),
        progress=progress,
        task=progress.add_task(""),
        plan=FULL,
        contenders=[CONTENDERS[kind] for kind in (OURS, NODE, NODE_SHARDED)],
    )

    assert [contender.kind for contender in card.turns("room")] == [
        *(OURS, NODE, NODE_SHARDED),
        *(NODE, NODE_SHARDED, OURS),
        *(NODE_SHARDED, OURS, NODE),
    ]
    assert [contender.kind for contender in card.turns("drops")] == [OURS, NODE, NODE, OURS, OURS, NODE]


def test_a_share_of_99_99_is_not_all() -> None:
    assert best_of(SHARE, _of(100.0, 99.999)) == {0}
    assert number("%", 99.9999) == "99.99"
    assert number("%", 100.0) == "100"


def test_a_cell_tells_the_spread() -> None:
    line = Line(LATENCY, [Summary(2.5, 2.0, 3.0, 2), None], {0}, set())

    assert [line.text(0), line.text(1)] == ["2.5 [2..3]", "-"]
    assert repetitions_of(line) == "2, weak"
