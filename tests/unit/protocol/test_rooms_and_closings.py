"""Names that clients and operators rely on."""

import pytest

from realtime.protocol import disconnects, rooms
from realtime.protocol.disconnects import Closing

CLOSINGS = [closing for closing in vars(disconnects).values() if isinstance(closing, Closing)]


def test_rooms_have_the_names_of_the_contract() -> None:
    assert rooms.user_room("42") == "user:42"
    assert rooms.orders_room("42") == "orders:42"
    assert rooms.product_room("9") == "product:9"
    assert (rooms.INVENTORY_UPDATES, rooms.ADMIN_DASHBOARD) == ("inventory:updates", "admin:dashboard")


def test_rooms_that_share_no_messages_are_known() -> None:
    assert not rooms.may_share_messages(["orders:1", "inventory:updates"], ["user:1", "admin:dashboard"])
    assert not rooms.may_share_messages(["product:1"], ["product:2", "user:1"])
    assert rooms.may_share_messages(["product:1"], ["user:1", "inventory:updates"])
    assert rooms.may_share_messages(["inventory:updates"], ["user:1", "product:1"])


@pytest.mark.parametrize("hostile", ["admin:dashboard", "inventory:updates", "user:1", "../orders:1"])
def test_no_id_makes_a_room_of_another_kind(hostile: str) -> None:
    named = {rooms.user_room(hostile), rooms.orders_room(hostile), rooms.product_room(hostile)}
    assert {room.split(":", 1)[0] for room in named} == {"user", "orders", "product"}


@pytest.mark.parametrize("closing", CLOSINGS, ids=lambda closing: closing.code)
def test_each_closing_tells_people_why(closing: Closing) -> None:
    assert closing.message.endswith(".")
    assert closing.code == closing.code.lower()


def test_closings_can_be_told_apart() -> None:
    assert len({closing.code for closing in CLOSINGS}) == len(CLOSINGS) >= 5


def test_only_who_floods_is_sent_away_for_good() -> None:
    assert [closing.code for closing in CLOSINGS if not closing.retryable] == ["rate_limited"]
