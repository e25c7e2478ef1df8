"""What is kept of a run."""

import json
from datetime import UTC, datetime
from pathlib import Path

from bench.measurements import Measurements
from bench.processes import OURS
from scorecard.contenders import CONTENDERS
from scorecard.report import ScoreHeader, write_results
from scorecard.rows.losses import DROPS


def test_what_was_counted_is_kept_in_numbers_and_told_in_words(tmp_path: Path) -> None:
    header = ScoreHeader(
        date=datetime(2026, 11, 29, tzinfo=UTC),
        commit="abcdef0",
        command="make scorecard",
        seconds=60,
        machine={},
        versions={},
        left_out=["Centrifugo"],
        problems=["a row: it broke"],
        counted={"2 s drops, realtime": {"delivered": 2_999, "owed": 3_000, "times back": 70, "repetitions": 3}},
    )
    measured = Measurements()
    for value in (100.0, 99.9, 100.0):
        measured.record(DROPS[0], OURS, value)

    where = write_results(tmp_path, header, measured, [CONTENDERS[OURS]])

    assert json.loads((where / "results.json").read_text())["counted"]["2 s drops, realtime"]["owed"] == 3_000
    told = (where / "results.md").read_text()
    assert "2,999 of 3,000 events were delivered to clients that came back 70 times (n=3)." in told
    assert "| 2 s drops: delivered | % | 3 | **100 [99.90..100]** |" in told
    assert "Left out, since this machine lacks what it takes: Centrifugo." in told
    assert "- a row: it broke" in told
    assert (where / "scorecard.png").stat().st_size > 0
