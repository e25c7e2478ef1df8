"""haproxy, told what the chart's preset says, with stickiness and without, before pods that restart: `make sticky`, smaller."""

from pathlib import Path

import pytest

from parts.kafka import Kafka
from parts.redis_server import RedisServer
from sticky.members import Cell, Member
from sticky.report import rows_of
from sticky.stage import Lived, Plan, live

SMALL = Plan(
    ("haproxy",),
    js_clients=2,
    python_clients=1,
    calm_seconds=6.0,
    events_per_second=30.0,
    settle_seconds=1.0,
)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")  # the Python client leaves connections behind that it has given up
async def test_polling_needs_stickiness_and_websockets_do_not(
    kafka: Kafka, redis_server: RedisServer, tmp_path: Path
) -> None:
    rows = rows_of(await live(SMALL, kafka, redis_server, tmp_path, lambda _: None))
    assert [(row.sticky, row.transports) for row in rows] == [
        (sticky, transports) for sticky in (True, False) for transports in ("polling", "upgrading", "websocket")
    ]
    for row in rows:
        assert row.holds == row.must_hold, row
        if row.must_hold:
            # Each pod has sent its clients away, and each went on where it was.
            assert row.recovered == row.came_back > 0, row
            assert row.sent > 0, row


def lived_through(*, orders: list[int], broken: int = 0, is_back: bool = True) -> Lived:
    member = Member("u", Cell("haproxy", True, "polling"), "Python", "", "", orders=orders, connects=2, recoveries=1)
    back = frozenset({"u"} if is_back else ())
    return Lived([member], {"u": 3}, frozenset({"u"}), {"u": broken}, back, 1.0)


def test_the_judge_sees_what_was_lost_and_what_came_twice() -> None:
    (row,) = rows_of(lived_through(orders=[1, 2, 3]))
    assert (row.lost, row.twice, row.came_back, row.recovered, row.verdict) == (0, 0, 1, 1, "holds")
    (row,) = rows_of(lived_through(orders=[1, 3, 3]))
    assert (row.lost, row.twice, row.verdict) == (1, 1, "BROKEN")
    assert not rows_of(lived_through(orders=[1, 2, 3], broken=1))[0].holds
    assert not rows_of(lived_through(orders=[1, 2, 3], is_back=False))[0].holds
