"""Inventory and product events -> what shoppers and admins are told."""

from typing import Any

import pytest

from realtime.routing.routes import Router
from unit.fakes import NOON
from unit.told import DEFAULT_THRESHOLD, Told, make_event, tell

SHOPPERS = ("inventory:updates", "product:p-9")
ADMINS = ("admin:dashboard",)
STAMP = {"eventId": "e-1", "timestamp": NOON}


def alerts(**fields: Any) -> list[Told]:
    return [told for told in tell("inventory.updated", productId="p-9", **fields) if told[0] == "admin:inventory:alert"]


def test_stock_in_plenty_is_told_to_those_who_follow_it_and_alerts_nobody() -> None:
    announced = {"productId": "p-9", "stock": 11, **STAMP, "message": "p-9: 11 in stock.", "priority": "low"}
    assert tell("inventory.updated", productId="p-9", stock=11) == [
        ("inventory:updated", SHOPPERS, announced),
        ("admin:inventory:updated", ADMINS, announced),
    ]


def test_low_stock_alerts_the_admins() -> None:
    fact = {"productId": "p-9", "stock": 3, "previousStock": 4, "sku": "TP-1", "productName": "Tea pot"}
    announced = fact | STAMP | {"message": "Tea pot: 3 in stock.", "priority": "low"}
    assert tell("inventory.updated", **fact) == [
        ("inventory:updated", SHOPPERS, announced),
        ("admin:inventory:updated", ADMINS, announced),
        (
            "admin:inventory:alert",
            ADMINS,
            fact
            | STAMP
            | {"alert": "low", "threshold": 10, "message": "Tea pot is running low: 3 left.", "priority": "high"},
        ),
    ]


def test_no_stock_alerts_the_admins_urgently() -> None:
    fact = {"productId": "p-9", "stock": 0}
    announced = fact | STAMP | {"message": "p-9 is out of stock.", "priority": "high"}
    assert tell("inventory.updated", **fact) == [
        ("inventory:updated", SHOPPERS, announced),
        ("admin:inventory:updated", ADMINS, announced),
        (
            "admin:inventory:alert",
            ADMINS,
            fact | STAMP | {"alert": "out", "threshold": 10, "message": "p-9 is out of stock.", "priority": "urgent"},
        ),
    ]


@pytest.mark.parametrize(("stock", "alerted"), [(DEFAULT_THRESHOLD, True), (DEFAULT_THRESHOLD + 1, False)])
def test_stock_is_low_at_the_default_threshold_and_below(stock: int, alerted: bool) -> None:
    assert bool(alerts(stock=stock)) is alerted


@pytest.mark.parametrize(
    ("stock", "threshold", "alert"),
    [(50, 50, "low"), (51, 50, None), (3, 2, None), (1, 0, None), (0, 0, "out"), (0, 50, "out")],
)
def test_the_events_own_threshold_counts_before_the_default(stock: int, threshold: int, alert: str | None) -> None:
    told = alerts(stock=stock, lowStockThreshold=threshold)
    assert [data["alert"] for _, _, data in told] == ([alert] if alert else [])
    assert all(data["threshold"] == threshold for _, _, data in told)


@pytest.mark.parametrize(
    ("names", "called"),
    [({"productName": "Tea pot", "sku": "TP-1"}, "Tea pot"), ({"sku": "TP-1"}, "TP-1"), ({}, "p-9")],
)
def test_a_product_is_called_by_the_best_name_it_has(names: dict[str, str], called: str) -> None:
    assert tell("inventory.updated", productId="p-9", stock=11, **names)[0][2]["message"] == f"{called}: 11 in stock."


def test_a_client_that_is_behind_may_be_spared_all_but_the_latest_stock_of_each_product_but_no_alert() -> None:
    messages = Router(DEFAULT_THRESHOLD).route(make_event("inventory.updated", productId="p-9", stock=0))
    assert [(message.name, message.conflation_key) for message in messages] == [
        ("inventory:updated", "inventory:p-9"),
        ("admin:inventory:updated", "admin:inventory:p-9"),
        ("admin:inventory:alert", None),
    ]


@pytest.mark.parametrize("event_type", ["order.created", "order.updated", "order.cancelled", "product.updated"])
def test_nobody_is_spared_news_that_do_not_replace_each_other(event_type: str) -> None:
    fields = {"orderId": "o", "buyerId": "u", "status": "paid", "productId": "p"}
    messages = Router(DEFAULT_THRESHOLD).route(make_event(event_type, **fields))
    assert {message.conflation_key for message in messages} == {None}


@pytest.mark.parametrize(
    ("event_type", "name", "sentence"),
    [
        ("product.created", "product:created", "New: Tea pot."),
        ("product.updated", "product:updated", "Tea pot has been updated."),
    ],
)
def test_a_product_is_told_to_those_who_follow_it_and_to_the_admins(event_type: str, name: str, sentence: str) -> None:
    fact = {"productId": "p-9", "name": "Tea pot", "price": 19.5, "changes": {"price": {"from": 21}, "note": None}}
    announced = fact | STAMP | {"message": sentence, "priority": "low"}
    assert tell(event_type, **fact) == [(name, SHOPPERS, announced), (f"admin:{name}", ADMINS, announced)]
