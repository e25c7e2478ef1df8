"""More sockets, orders, admins need more of everything, and units are what they are said to be."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.bends import BENDS, reached
from model.constants import Constants
from model.project import (
    MIXES,
    Budget,
    Load,
    Mix,
    Projection,
    copies,
    cores_of_busiest_pod,
    project,
    redis_shares,
)

# Of the size that machines have; no run's.
CONSTANTS = Constants(
    pod_idle_cores=0.005,
    record_us=1_000.0,
    room_message_us=40.0,
    delivery_us=10.0,
    alone_per_second=280.0,
    burst_per_second=1_200.0,
    burst_share=0.4,
    backlog_per_second=38_000.0,
    backlog_share=0.06,
    redis_idle_cores=0.001,
    redis_pod_us=400.0,
    redis_record_us=180.0,
    redis_alone_per_second=5.0,
    redis_burst_per_second=50.0,
    redis_burst_record_us=110.0,
    redis_batched_per_second=2_000.0,
    redis_batched_record_us=35.0,
    redis_copy_us=4.0,
    redis_session_us=15.0,
    redis_newcomer_session_us=80.0,
    redis_newcomer_device_us=115.0,
    redis_pod_in_bytes=550.0,
    redis_record_in_bytes=1_390.0,
    redis_pod_out_bytes=200.0,
    redis_record_out_bytes=40.0,
    redis_reading_out_bytes=1_300.0,
    redis_copy_out_bytes=420.0,
    room_bytes=4_400.0,
    device_bytes=490.0,
    session_bytes=430.0,
    subscription_bytes=260.0,
    message_bytes=305.0,
    pod_bytes=110e6,
    socket_in_pod_bytes=8_300.0,
    socket_in_kernel_bytes=4_000.0,
    pod_report_bytes=300.0,
    rebalance_seconds=1.5,
)
GROWING = (
    "pods",
    "intake_pods",
    "partitions",
    "redis_in_bytes_per_second",
    "redis_out_bytes_per_second",
    "client_bytes_per_second",
    "pods_bytes",
    "kernel_bytes",
    "redis_data_bytes",
)
mixes = st.sampled_from(sorted(MIXES)).map(MIXES.__getitem__)
sizes = st.integers(min_value=1, max_value=20_000_000)


def needs(sockets: int, mix: Mix, orders: float | None = None, budget: Budget | None = None) -> Projection:
    return project(Load.of(sockets, mix, orders), CONSTANTS, budget)


def but(less: Projection, more: Projection) -> float:
    """Partitions are whole, and where there is one more the busiest pod takes in less: some pods fewer may do then."""
    return 0.999_999 if more.partitions == less.partitions else 0.75


@given(mixes, sizes, st.floats(min_value=1.0, max_value=10.0))
def test_more_sockets_need_no_less_of_anything(mix: Mix, sockets: int, times: float) -> None:
    less, more = needs(sockets, mix), needs(round(sockets * times), mix)

    for name in GROWING:
        assert getattr(more, name) >= getattr(less, name) * but(less, more), name
    assert more.redis.busiest(1) >= less.redis.busiest(1) * but(less, more)


@given(mixes, sizes, st.floats(min_value=0, max_value=10_000), st.floats(min_value=0, max_value=10_000))
def test_more_orders_need_no_less_work(mix: Mix, sockets: int, orders: float, more_orders: float) -> None:
    less, more = needs(sockets, mix, orders), needs(sockets, mix, orders + more_orders)

    for name in ("pods", "intake_pods", "redis_out_bytes_per_second", "client_bytes_per_second"):
        assert getattr(more, name) >= getattr(less, name) * but(less, more), name
    assert more.redis.busiest(1) >= less.redis.busiest(1) * but(less, more)
    assert more.redis_data_bytes == less.redis_data_bytes


@given(mixes, sizes)
@settings(max_examples=100)
def test_no_pod_has_more_sockets_than_it_may_even_when_one_is_away(mix: Mix, sockets: int) -> None:
    budget = Budget(sockets_a_pod=5_000)

    assert (needs(sockets, mix, budget=budget).pods - 1) * budget.sockets_a_pod >= sockets


@given(st.integers(min_value=1, max_value=1_000_000), st.floats(min_value=0, max_value=2_000))
def test_a_pod_is_no_busier_than_it_may_be_where_no_room_is_hot(sockets: int, orders: float) -> None:
    load = Load.of(sockets, MIXES["shop"], orders)
    needed = project(load, CONSTANTS)

    # When one is away the others have its share.
    busiest = cores_of_busiest_pod(load, CONSTANTS, needed.pods - 1, needed.partitions)
    assert busiest <= Budget().pod_cores * 1.001


def test_an_order_to_one_user_costs_a_pod_the_same_however_many_there_are_while_each_has_a_partition() -> None:
    few, many = Load.of(1, MIXES["shop"], 100.0), Load.of(1, MIXES["shop"], 1_000.0)

    of_few, of_many = cores_of_busiest_pod(few, CONSTANTS, 10, 100), cores_of_busiest_pod(many, CONSTANTS, 100, 100)

    assert of_few == pytest.approx(of_many, rel=0.01)


def test_pods_without_a_partition_take_nothing_in_and_leave_more_to_those_that_have_one() -> None:
    needed = needs(1_000_000, MIXES["shop"])

    assert needed.pods > needed.partitions
    taken_in = needed.busiest_pod_cores - needed.other_pod_cores
    assert taken_in == pytest.approx(1_000 / needed.partitions * CONSTANTS.record_us / 1e6, rel=0.01)


def test_a_partition_leaves_half_of_a_pod_to_its_sockets() -> None:
    needed = needs(10_000_000, MIXES["shop"])

    assert needed.busiest_pod_cores <= Budget().pod_cores / 2 + needed.other_pod_cores


def test_records_of_more_partitions_come_together_less_and_cost_redis_more() -> None:
    load = Load.of(10_000, MIXES["shop"], 1_000.0)

    assert redis_shares(load, CONSTANTS, 10, 6).every < redis_shares(load, CONSTANTS, 10, 60).every


def test_what_comes_together_is_cheaper_and_never_cheaper_than_a_backlog() -> None:
    curve = CONSTANTS.together

    assert curve.at(1) == curve.at(280) == 1
    assert curve.at(1_200) == pytest.approx(0.4)
    assert curve.at(1e6) == pytest.approx(curve.at(38_000)) == pytest.approx(0.06)
    assert 0.06 < curve.at(5_000) < curve.at(2_000) < 0.4


@given(st.floats(min_value=0.1, max_value=1e6), st.floats(min_value=1.0, max_value=10.0))
def test_more_of_what_is_cheaper_together_is_never_less_work(per_second: float, times: float) -> None:
    for curve in (CONSTANTS.together, CONSTANTS.redis_record_at):
        assert per_second * curve.at(per_second) <= per_second * times * curve.at(per_second * times) * 1.000_001


def test_a_hot_room_costs_its_primary_a_copy_for_each_pod() -> None:
    load = Load.of(1_000_000, MIXES["dashboard"])
    needed, without = project(load, CONSTANTS), project(load, replace(CONSTANTS, redis_copy_us=0.0))
    of_copies = needed.redis.hot - without.redis.hot

    assert of_copies == pytest.approx(load.orders_per_second * needed.pods * CONSTANTS.redis_copy_us / 1e6)


def test_more_primaries_share_what_is_spread_and_nothing_else() -> None:
    redis = project(Load.of(1_000_000, MIXES["stock"]), CONSTANTS).redis

    assert redis.busiest(1) == pytest.approx(redis.spread + redis.every + redis.hot)
    assert redis.busiest(10) == pytest.approx(redis.spread / 10 + redis.fixed)


def test_an_order_to_one_user_has_two_copies_however_many_pods_there_are() -> None:
    load = Load.of(1_000_000, MIXES["shop"])

    assert copies(load, 10) == copies(load, 1_000) == 2 * load.orders_per_second


def test_bytes_are_bytes() -> None:
    one, two = needs(10_000, MIXES["shop"]), needs(20_000, MIXES["shop"])

    assert two.kernel_bytes - one.kernel_bytes == pytest.approx(10_000 * CONSTANTS.socket_in_kernel_bytes)
    assert one.redis_data_bytes == pytest.approx(10_000 * (2 * (4_400 + 260) + 490 + 430))
    assert one.pods_bytes == pytest.approx(one.pods * 110e6 + 10_000 * 8_300)


def test_orders_are_an_hours_of_each_socket() -> None:
    assert Load.of(1_000_000, MIXES["shop"]).orders_per_second == pytest.approx(1_000)
    assert Load.of(1_000_000, MIXES["shop"]).deliveries_per_second == pytest.approx(2_000)
    assert Load.of(1_000_000, MIXES["stock"]).deliveries_per_second == pytest.approx(4_002_000)


def test_a_small_shop_bends_nowhere_and_a_large_dashboard_does() -> None:
    small, large = needs(10_000, MIXES["shop"]), needs(10_000_000, MIXES["dashboard"])

    assert reached(small, CONSTANTS, Budget()) == []
    assert {"hot room", "fan-out", "directory"} <= set(reached(large, CONSTANTS, Budget()))


def test_where_one_primary_has_more_to_do_than_a_core_can_no_number_of_primaries_is_enough() -> None:
    assert needs(1_000_000, MIXES["shop"]).is_possible
    assert not needs(10_000_000, MIXES["dashboard"]).is_possible


def test_each_bend_says_where_it_begins() -> None:
    for bend in BENDS:
        assert any(letter.isdigit() for letter in bend.begins(CONSTANTS, Budget())), bend.name
