"""The judge of the headless run: what is right passes, and each planted fault is caught and named."""

import math

import pytest

from realtime.demo.judge import Told, due_to, judge, percentile
from realtime.demo.people import ADMIN, ALICE, BOB
from realtime.demo.shop import Published


def order(event_type: str, buyer: str, partition: int, offset: int) -> Published:
    return Published(event_type, "o-000001", buyer, event_type, partition, offset)


def stock(offset: int, *, is_alert: bool = False) -> Published:
    return Published("inventory.updated", "desk-lamp", None, "inventory.updated", 0, offset, is_alert)


FACTS = [
    order("order.created", "alice", 0, 0),
    order("order.created", "bob", 0, 1),
    order("order.updated", "alice", 1, 0),
    order("order.updated", "alice", 1, 1),
    order("order.cancelled", "bob", 2, 0),
    stock(0),
    stock(1, is_alert=True),
]
DUE = due_to(ALICE, FACTS, follows_stock=True)


def test_a_buyer_is_due_their_own_orders_as_data_and_as_notifications_and_the_stock_they_follow() -> None:
    assert [
        Told("order:created", "order.created:0:0"),
        Told("notification", "order.created:0:0"),
        Told("order:updated", "order.updated:1:0"),
        Told("notification", "order.updated:1:0"),
        Told("order:updated", "order.updated:1:1"),
        Told("notification", "order.updated:1:1"),
        Told("inventory:updated", "inventory.updated:0:0"),
        Told("inventory:updated", "inventory.updated:0:1"),
    ] == DUE


def test_a_buyer_who_does_not_follow_stock_is_due_none() -> None:
    assert {told.event_id for told in due_to(BOB, FACTS, follows_stock=False)} == {
        "order.created:0:1",
        "order.cancelled:2:0",
    }


def test_the_admin_is_due_everything_and_alerts_and_nobodys_notifications() -> None:
    due = due_to(ADMIN, FACTS, follows_stock=False)
    assert len(due) == len(FACTS) + 1
    assert all(told.name.startswith("admin:") for told in due)
    assert Told("admin:inventory:alert", "inventory.updated:0:1") in due
    assert Told("admin:inventory:alert", "inventory.updated:0:0") not in due


def test_all_that_was_due_in_order_and_once_is_right() -> None:
    verdict = judge(DUE, DUE)
    assert verdict.is_right
    assert (verdict.expected, verdict.received, verdict.faults()) == (len(DUE), len(DUE), [])


def test_lanes_may_overtake_each_other() -> None:
    assert judge(DUE, sorted(DUE, key=lambda told: told.lane)).is_right


def test_a_missing_message_is_caught() -> None:
    for number, told in enumerate(DUE):
        verdict = judge(DUE, DUE[:number] + DUE[number + 1 :])
        assert verdict.missing == (told,)
        assert verdict.faults() == [f"missing: {told.name} of {told.event_id}"]


def test_a_repeated_message_is_caught_wherever_it_is_repeated() -> None:
    for number, told in enumerate(DUE):
        for heard in (DUE[: number + 1] + DUE[number:], [*DUE, told]):
            verdict = judge(DUE, heard)
            assert verdict.repeated == (told,)
            assert verdict.faults() == [f"repeated: {told.name} of {told.event_id}"]


@pytest.mark.parametrize(
    "foreign",
    [
        Told("order:created", "order.created:0:1"),
        Told("notification", "order.created:0:1"),
        Told("admin:order:created", "order.created:0:0"),
        Told("order:created", "None"),
    ],
    ids=["bob's order", "bob's notification", "the admin's", "unheard of"],
)
def test_a_foreign_message_is_caught(foreign: Told) -> None:
    verdict = judge(DUE, [*DUE[:2], foreign, *DUE[2:]])
    assert verdict.foreign == (foreign,)
    assert verdict.faults() == [f"foreign: {foreign.name} of {foreign.event_id}"]


def test_a_foreign_message_is_counted_each_time() -> None:
    foreign = Told("order:created", "order.created:0:1")
    assert judge(DUE, [foreign, *DUE, foreign]).foreign == (foreign, foreign)


def test_swapped_messages_of_one_partition_are_caught() -> None:
    heard = [*DUE[:2], DUE[4], DUE[3], DUE[2], *DUE[5:]]
    verdict = judge(DUE, heard)
    assert verdict.swapped == (Told("order:updated", "order.updated:1:0"),)
    assert verdict.faults() == ["out of order: order:updated of order.updated:1:0"]


def test_every_one_that_comes_too_late_is_named() -> None:
    due = [Told("order:created", f"order.created:0:{offset}") for offset in range(10)]
    assert judge(due, [due[9], *due[:9]]).swapped == tuple(due[:9])


def test_faults_of_all_kinds_are_told_together() -> None:
    foreign = Told("order:created", "order.created:0:1")
    heard = [foreign, *DUE[1:4], DUE[1], DUE[7], DUE[6], *DUE[4:6]]
    kinds = {fault.partition(":")[0] for fault in judge(DUE, heard).faults()}
    assert kinds == {"missing", "repeated", "foreign", "out of order"}


def test_silence_is_wrong_when_something_was_due_and_right_when_nothing_was() -> None:
    assert judge(DUE, []).missing == tuple(DUE)
    assert judge([], []).is_right


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.50) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.50) == percentile([7.0], 0.99) == 7
    assert math.isnan(percentile([], 0.50))
