"""What one worker of Locust has held, and what it was that there was no more of."""

from dataclasses import replace
from pathlib import Path

import pytest

from load.capacity import HEADINGS, Capacity, judge
from load.plan import Plan
from load.stage import Lived, Tracks
from swarm.timeline import Entry, Second, Timeline
from tool.errors import Failed

PLAN = Plan(
    users=1_000,
    seconds=30,
    shape="hold",
    transport="websocket",
    pods=1,
    events_per_second=100,
    processes=1,
    thresholds=Path("thresholds.toml"),
    kafka="embedded",
)
RAMP, QUIET, END = 10, 20, 31
KB = 1_000


def lived(held: int = 1_000, cores: float = 0.5) -> Lived:
    """Ten seconds of coming, ten of peace, ten of 200 deliveries a second; 30 KB for each socket."""

    def second(n: int) -> Second:
        wanted = min(1_000, 100 * n)
        phase = "ramp" if n <= RAMP else "quiet" if n <= QUIET else "events"
        heard = max(0, 200 * (n - QUIET))
        entries = {"deliver order:updated": Entry(heard, 0, 3.0, 5.0, 9.0)}
        return Second(float(n), float(n), phase, wanted, wanted, min(wanted, held), 1, 50.0, entries)

    def memory(n: int) -> float:
        return 100_000 * KB + 30 * KB * min(100 * n, held)

    def busy(n: int) -> float:
        return cores if n <= QUIET and held < 1_000 else 0.1 if n <= QUIET else 0.3

    times = range(1, END)
    tracks = Tracks(
        cores={"Locust": [(float(n), busy(n)) for n in times]},
        resident_bytes={"Locust": [(float(n), memory(n)) for n in times]},
    )
    return Lived(Timeline([second(n) for n in times]), tracks)


def judged(what: Lived, *, is_all: bool = True) -> Capacity:
    return judge(PLAN, what, is_all=is_all)


def test_all_descriptors_are_taken() -> None:
    found = judged(lived())
    assert (found.held, found.ended_by) == (1_000, "descriptors")
    assert judged(lived(), is_all=False).ended_by == "no more were asked for"


def test_who_cannot_keep_up_says_from_where_on_and_why() -> None:
    for cores, why in ((0.5, "spawning (0.50 cores, the pod's 0.00, of all 0.50)"), (0.99, "the worker's processor")):
        found = judged(lived(held=600, cores=cores))
        assert (found.held, found.ended_by) == (600, why)
        # It was never at rest: what a delivery costs is not told.
        assert found.us_per_delivery is None
        assert len(found.cells()) == len(HEADINGS)


def test_what_each_costs_is_told_by_the_difference() -> None:
    found = judged(lived())
    assert found.kb_each == pytest.approx(30)
    assert found.deliveries_per_second == pytest.approx(200)
    assert found.us_per_delivery == pytest.approx(1_000)
    assert found.handshakes_per_second == pytest.approx(100)


def test_a_run_that_ends_before_all_have_come_is_told() -> None:
    what = lived()
    what.timeline.seconds = [replace(one, phase="ramp") for one in what.timeline.seconds]
    with pytest.raises(Failed, match="give it more --seconds"):
        judged(what)


def test_who_is_slow_to_begin_with_has_not_fallen_behind() -> None:
    slow = lived()
    first = slow.timeline.seconds[0]
    slow.timeline.seconds[0] = replace(first, connected=0)
    assert judged(slow).held == 1_000


def test_nothing_may_come_twice_nor_be_missed_by_who_kept_up() -> None:
    whole, fallen = judged(lived()), judged(lived(held=500))
    assert (whole.kept_up, fallen.kept_up) == (True, False)
    assert replace(whole, lost=1).has_failed
    assert not replace(fallen, lost=1).has_failed
    assert replace(fallen, twice=1).has_failed
    assert not whole.has_failed
