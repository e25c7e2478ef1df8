"""Whatever breaks, nobody loses, repeats, misorders or overhears anything: `make chaos`, smaller.

Each test is named by the promise that its fault attacks; `docs/guarantees.md` and `chaos.faults` say what is excused.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chaos.faults import FAULTS
from chaos.report import MAX_SHOWN
from chaos.scenario import Plan, Progress, run
from parts.apache_kafka import ApacheKafka

# Every habit of the crowd once, and as few events as give each fault something to break.
PLAN = Plan(100, events=600, events_per_second=100, calm_seconds=1, after_seconds=3, hold_seconds=6)

Keeps = Callable[[str], Awaitable[None]]

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def is_kept(broker: ApacheKafka, tmp_path: Path) -> Keeps:
    async def is_kept(fault: str) -> None:
        outcome = await run(FAULTS[fault](PLAN.hold_seconds), PLAN, broker, tmp_path, Progress())
        assert outcome.problems == [], outcome.logs  # first: of a scenario that broke off, messages are missing, too
        assert outcome.verdict.violations == [], "\n".join(map(str, outcome.verdict.violations[:MAX_SHOWN]))
        assert outcome.seconds_to_recover is not None

    return is_kept


async def test_a_pod_killed_at_any_instant_is_continued_by_another(is_kept: Keeps) -> None:
    await is_kept("pod_killed")


async def test_a_pod_that_was_frozen_publishes_nothing_twice_and_tells_what_it_missed(is_kept: Keeps) -> None:
    await is_kept("pod_frozen")


async def test_a_rolling_restart_of_all_pods_loses_nothing(is_kept: Keeps) -> None:
    await is_kept("rolling_restart")


async def test_while_redis_is_away_intake_waits_and_then_it_catches_up(is_kept: Keeps) -> None:
    await is_kept("redis_restarted")


async def test_when_redis_loses_all_who_is_connected_misses_nothing_and_who_returns_is_told(is_kept: Keeps) -> None:
    await is_kept("redis_emptied")


async def test_when_redis_fails_over_what_it_had_not_seen_is_published_again(is_kept: Keeps) -> None:
    await is_kept("redis_failover")


async def test_when_kafka_comes_back_intake_goes_on_where_it_was(is_kept: Keeps) -> None:
    await is_kept("kafka_restarted")


async def test_a_pod_cut_off_from_redis_reads_what_its_rooms_missed(is_kept: Keeps) -> None:
    await is_kept("redis_cut")


async def test_a_pod_that_hears_nothing_from_redis_notices_that(is_kept: Keeps) -> None:
    await is_kept("redis_silent")


async def test_order_is_kept_when_one_pod_is_told_late(is_kept: Keeps) -> None:
    await is_kept("redis_slow")


async def test_a_pod_cut_off_from_kafka_keeps_its_sockets_and_others_take_its_partitions(is_kept: Keeps) -> None:
    await is_kept("kafka_cut")


async def test_a_client_that_reads_nothing_costs_only_itself(is_kept: Keeps) -> None:
    await is_kept("client_stuck")


async def test_order_and_recovery_do_not_rest_on_the_clocks_of_pods(is_kept: Keeps) -> None:
    await is_kept("clocks_skewed")


def test_every_fault_is_tested_here() -> None:
    text = Path(__file__).read_text()
    assert [fault for fault in FAULTS if f'is_kept("{fault}")' not in text] == []
