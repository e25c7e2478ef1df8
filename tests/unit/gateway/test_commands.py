"""What each command does, for whom, and how it is answered."""

from typing import Any

import pytest

from realtime.clock import iso_utc
from realtime.errors import RedisUnavailable
from realtime.protocol.commands import COMMANDS, MAX_PRODUCTS_PER_COMMAND
from realtime.protocol.disconnects import TOO_MANY_COMMANDS
from unit.counts import count
from unit.fakes import AbsentPodDirectory
from unit.gateway.gatehouse import ISSUER, Gatehouse


@pytest.fixture
async def buyer(house: Gatehouse) -> str:
    await house.enter("s-buyer", "u-42")
    return "s-buyer"


@pytest.fixture
async def admin(house: Gatehouse) -> str:
    await house.enter("s-admin", "root", "admin")
    return "s-admin"


def joined(*rooms: str) -> dict[str, Any]:
    return {"ok": True, "rooms": sorted(rooms), "offset": "memory:0"}


# -- orders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [(), ({},), ({"userId": "u-42"},)])
async def test_a_user_follows_their_own_orders(house: Gatehouse, buyer: str, payload: tuple[Any, ...]) -> None:
    assert await house.say(buyer, "subscribe:orders", *payload) == joined("orders:u-42", "user:u-42")
    assert house.attachment.rooms_of(buyer) == {"orders:u-42", "user:u-42"}


async def test_a_user_does_not_follow_the_orders_of_others(house: Gatehouse, buyer: str) -> None:
    assert await house.is_refused(buyer, "subscribe:orders", {"userId": "u-43"}) == {
        "code": "forbidden",
        "message": "Following another user's orders needs the role admin.",
        "retryable": False,
    }
    assert house.attachment.rooms_of(buyer) == {"user:u-42"}


async def test_an_admin_follows_anybodys_orders(house: Gatehouse, admin: str) -> None:
    answer = await house.say(admin, "subscribe:orders", {"userId": "u-43"})
    assert answer == joined("orders:u-43", "user:root")


async def test_a_service_does_not_follow_the_orders_of_others(house: Gatehouse) -> None:
    await house.enter("s-1", "svc", "service")
    assert (await house.is_refused("s-1", "subscribe:orders", {"userId": "u-43"}))["code"] == "forbidden"


async def test_following_twice_changes_nothing(house: Gatehouse, buyer: str) -> None:
    for _ in range(2):
        assert await house.say(buyer, "subscribe:orders") == joined("orders:u-42", "user:u-42")


async def test_who_follows_no_longer_has_left_the_room(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:orders")
    for _ in range(2):
        assert await house.say(buyer, "unsubscribe:orders") == joined("user:u-42")
    assert house.attachment.rooms_of(buyer) == {"user:u-42"}


async def test_leaving_what_one_was_never_in_tells_nothing(house: Gatehouse, buyer: str) -> None:
    assert await house.say(buyer, "unsubscribe:orders", {"userId": "u-43"}) == joined("user:u-42")
    assert await house.say(buyer, "unsubscribe:admin") == joined("user:u-42")


@pytest.mark.parametrize("user_id", ["42", "u-42"])
async def test_nobody_leaves_their_own_room(house: Gatehouse, buyer: str, user_id: str) -> None:
    for command in ("unsubscribe:orders", "unsubscribe:inventory", "unsubscribe:admin"):
        await house.say(buyer, command, *([{"userId": user_id}] if command.endswith("orders") else []))
    assert house.attachment.rooms_of(buyer) == {"user:u-42"}


# -- inventory ------------------------------------------------------------------------------------------------------


async def test_all_of_the_inventory_is_one_room(house: Gatehouse, buyer: str) -> None:
    assert await house.say(buyer, "subscribe:inventory") == joined("inventory:updates", "user:u-42")


async def test_some_products_are_a_room_each(house: Gatehouse, buyer: str) -> None:
    answer = await house.say(buyer, "subscribe:inventory", {"productIds": ["a", "b", "a"]})
    assert answer == joined("product:a", "product:b", "user:u-42")


async def test_some_products_are_left_and_the_others_stay(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:inventory", {"productIds": ["a", "b"]})
    await house.say(buyer, "subscribe:inventory")
    answer = await house.say(buyer, "unsubscribe:inventory", {"productIds": ["a", "never-followed"]})
    assert answer == joined("inventory:updates", "product:b", "user:u-42")


async def test_leaving_the_inventory_leaves_each_product_too(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:inventory", {"productIds": ["a", "b"]})
    await house.say(buyer, "subscribe:inventory")
    await house.say(buyer, "subscribe:orders")
    assert await house.say(buyer, "unsubscribe:inventory") == joined("orders:u-42", "user:u-42")
    assert house.attachment.rooms_of(buyer) == {"orders:u-42", "user:u-42"}


# -- admin ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [(), ("service",), ("Admin",)])
async def test_the_dashboard_is_for_admins_alone(house: Gatehouse, roles: tuple[str, ...]) -> None:
    await house.enter("s-1", "u-42", *roles)
    error = await house.is_refused("s-1", "subscribe:admin")
    assert (error["code"], error["message"]) == ("forbidden", "The admin dashboard needs the role admin.")
    assert house.attachment.rooms_of("s-1") == {"user:u-42"}


async def test_an_admin_comes_and_leaves(house: Gatehouse, admin: str) -> None:
    assert await house.say(admin, "subscribe:admin") == joined("admin:dashboard", "user:root")
    assert await house.say(admin, "unsubscribe:admin") == joined("user:root")


# -- stats ----------------------------------------------------------------------------------------------------------


async def test_a_user_sees_their_own_sessions(house: Gatehouse, buyer: str) -> None:
    await house.enter("s-2", "u-42")
    await house.enter("s-3", "somebody-else")
    now = iso_utc(house.clock.wall_ms())
    assert await house.say(buyer, "request:stats") == {
        "ok": True,
        "stats": {
            "connections": 2,
            "serverTime": now,
            "sessions": [
                {"socketId": sid, "transport": "websocket", "connectedAt": now, "rooms": ["user:u-42"]}
                for sid in ("s-buyer", "s-2")
            ],
        },
    }


async def test_an_admin_sees_the_cluster(house: Gatehouse, admin: str, buyer: str) -> None:
    await house.say(buyer, "subscribe:orders")
    for pod in ("pod-b", "pod-a"):
        await house.directory.report(house.stats.report(pod, pod, ("sockets",), 3), lease_seconds=15)
    answer = await house.say(admin, "request:stats")
    assert answer["stats"]["connections"] == 4
    assert answer["stats"]["pods"][0] == {
        "podId": "pod-a",
        "name": "pod-a",
        "roles": ("sockets",),
        "connections": 2,
        "users": 2,
        "rooms": 3,
        "socketsByTransport": {"websocket": 2},
        "assignedPartitions": 3,
        "isDraining": False,
        "reportedAt": iso_utc(house.clock.wall_ms()),
    }
    assert [pod["name"] for pod in answer["stats"]["pods"]] == ["pod-a", "pod-b"]


async def test_an_admin_sees_anybodys_devices_and_others_their_own(house: Gatehouse, admin: str, buyer: str) -> None:
    own = await house.say(buyer, "request:stats", {"userId": "u-42"})
    assert [device["deviceId"] for device in own["stats"]["devices"]] == ["s-buyer"]
    assert await house.say(admin, "request:stats", {"userId": "u-42"}) == own
    assert (await house.is_refused(buyer, "request:stats", {"userId": "root"})) == {
        "code": "forbidden",
        "message": "Seeing another user's devices needs the role admin.",
        "retryable": False,
    }


# -- refreshing the token -------------------------------------------------------------------------------------------


async def test_a_newer_token_of_the_same_user_is_taken(house: Gatehouse, buyer: str) -> None:
    token = ISSUER.token("u-42", "admin", expires_in_seconds=7_200)
    answer = await house.say(buyer, "auth:refresh", {"token": token})
    session = house.sessions.get(buyer)
    assert session is not None
    assert session.identity.is_admin
    assert answer["expiresAt"] == iso_utc(int(session.identity.expires_at) * 1_000)
    assert answer["rooms"] == ["user:u-42"]


async def test_a_token_of_somebody_else_is_refused_and_changes_nothing(house: Gatehouse, buyer: str) -> None:
    error = await house.is_refused(buyer, "auth:refresh", {"token": ISSUER.token("root", "admin")})
    assert (error["code"], error["message"]) == ("forbidden", "The new token belongs to somebody else.")
    session = house.sessions.get(buyer)
    assert session is not None
    assert (session.user_id, session.identity.is_admin) == ("u-42", False)


@pytest.mark.parametrize(
    ("token", "code", "is_retryable"),
    [("a.b.c", "unauthenticated", False), (ISSUER.expired("u-42"), "token_expired", True)],
)
async def test_a_token_that_is_not_good_is_refused_and_changes_nothing(
    house: Gatehouse, buyer: str, token: str, code: str, is_retryable: bool
) -> None:
    before = house.sessions.get(buyer).identity
    error = await house.is_refused(buyer, "auth:refresh", {"token": token})
    assert (error["code"], error["retryable"]) == (code, is_retryable)
    assert house.sessions.get(buyer).identity is before


async def test_who_is_no_longer_an_admin_leaves_what_only_admins_see(house: Gatehouse, admin: str) -> None:
    await house.say(admin, "subscribe:admin")
    await house.say(admin, "subscribe:orders")
    await house.say(admin, "subscribe:orders", {"userId": "u-42"})
    await house.say(admin, "subscribe:inventory")
    await house.say(admin, "subscribe:inventory", {"productIds": ["a"]})
    own = {"user:root", "orders:root", "inventory:updates", "product:a"}
    answer = await house.say(admin, "auth:refresh", {"token": ISSUER.token("root")})
    assert set(answer["rooms"]) == house.attachment.rooms_of(admin) == own
    assert (await house.is_refused(admin, "subscribe:admin"))["code"] == "forbidden"


async def test_who_stays_an_admin_stays_everywhere(house: Gatehouse, admin: str) -> None:
    await house.say(admin, "subscribe:admin")
    await house.say(admin, "subscribe:orders", {"userId": "u-42"})
    await house.say(admin, "auth:refresh", {"token": ISSUER.token("root", "admin")})
    assert house.attachment.rooms_of(admin) == {"user:root", "orders:u-42", "admin:dashboard"}


# -- limits ---------------------------------------------------------------------------------------------------------


async def test_a_session_is_in_so_many_rooms_and_no_more() -> None:
    house = Gatehouse(rooms_per_session=3)
    await house.enter("s-1", "u-42")
    await house.say("s-1", "subscribe:inventory", {"productIds": ["a", "b"]})
    error = await house.is_refused("s-1", "subscribe:inventory", {"productIds": ["b", "c"]})
    assert error == {"code": "limit_exceeded", "message": "A session may be in 3 rooms.", "retryable": False}
    assert house.attachment.rooms_of("s-1") == {"user:u-42", "product:a", "product:b"}
    assert (await house.say("s-1", "subscribe:inventory", {"productIds": ["a", "b"]}))["ok"] is True
    await house.say("s-1", "unsubscribe:inventory", {"productIds": ["a"]})
    assert (await house.say("s-1", "subscribe:inventory", {"productIds": ["c"]}))["ok"] is True


async def test_the_largest_command_fits_into_a_session_of_its_own(house: Gatehouse, buyer: str) -> None:
    product_ids = [f"p-{number}" for number in range(MAX_PRODUCTS_PER_COMMAND - 1)]
    assert (await house.say(buyer, "subscribe:inventory", {"productIds": product_ids}))["ok"] is True


async def test_who_sends_too_many_commands_is_slowed_down() -> None:
    house = Gatehouse(commands_per_second=2, commands_burst=3)
    await house.enter("s-1", "u-42")
    answers = [await house.say("s-1", "request:stats") for _ in range(5)]
    assert [answer["ok"] for answer in answers] == [True, True, True, False, False]
    assert answers[-1]["error"] == {
        "code": "rate_limited",
        "message": "At most 2 commands a second.",
        "retryable": True,
    }
    house.clock.advance(0.5)
    assert (await house.say("s-1", "request:stats"))["ok"] is True
    assert count(house.metrics.commands, command="request:stats", outcome="rate_limited") == 2


async def test_commands_that_make_no_sense_count_towards_the_rate() -> None:
    house = Gatehouse(commands_per_second=1, commands_burst=2)
    await house.enter("s-1", "u-42")
    codes = [(await house.is_refused("s-1", "nonsense", 5, 6))["code"] for _ in range(3)]
    assert codes == ["invalid_command", "invalid_command", "rate_limited"]


async def test_who_does_not_slow_down_is_closed_once() -> None:
    house = Gatehouse(commands_per_second=1, commands_burst=1, refused_commands_max=3)
    await house.enter("s-1", "u-42")
    for _ in range(3):
        await house.say("s-1", "request:stats")
    assert house.closings_of("s-1") == []
    for _ in range(5):
        await house.say("s-1", "request:stats")
    assert house.closings_of("s-1") == [TOO_MANY_COMMANDS]


async def test_who_slows_down_in_between_is_not_closed() -> None:
    house = Gatehouse(commands_per_second=1, commands_burst=1, refused_commands_max=3)
    await house.enter("s-1", "u-42")
    for _ in range(10):
        for _ in range(3):
            await house.say("s-1", "request:stats")
        house.clock.advance(1)
    assert house.closings_of("s-1") == []


async def test_one_sessions_flood_does_not_slow_down_another() -> None:
    house = Gatehouse(commands_per_second=1, commands_burst=1)
    for session_id in ("s-1", "s-2"):
        await house.enter(session_id, "u-42")
    for _ in range(5):
        await house.say("s-1", "request:stats")
    assert (await house.say("s-2", "request:stats"))["ok"] is True


# -- while Redis is away --------------------------------------------------------------------------------------------

BUSY = {"code": "redis_unavailable", "message": "The service is busy mending itself; try again.", "retryable": True}


async def test_while_redis_is_away_a_subscription_can_be_tried_again(house: Gatehouse, buyer: str) -> None:
    house.attachment.refuses_to_join["orders:u-42"] = RedisUnavailable("redis-7.internal refused, password hunter2")
    assert await house.is_refused(buyer, "subscribe:orders") == BUSY
    house.attachment.refuses_to_join.clear()
    assert await house.say(buyer, "subscribe:orders") == joined("orders:u-42", "user:u-42")


async def test_a_subscription_that_fails_halfway_joins_nothing(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:inventory", {"productIds": ["a"]})
    house.attachment.refuses_to_join["product:c"] = RedisUnavailable("gone")
    assert await house.is_refused(buyer, "subscribe:inventory", {"productIds": ["a", "b", "c", "d"]}) == BUSY
    assert house.attachment.rooms_of(buyer) == set(house.sessions.get(buyer).rooms) == {"user:u-42", "product:a"}


async def test_a_subscription_that_hangs_can_be_tried_again(house: Gatehouse, buyer: str) -> None:
    house.attachment.never_joins = True
    assert await house.is_refused(buyer, "subscribe:orders") == BUSY
    assert count(house.metrics.commands, command="subscribe:orders", outcome="redis_unavailable") == 1


async def test_while_redis_is_away_the_clusters_stats_can_be_tried_again() -> None:
    house = Gatehouse(AbsentPodDirectory())
    await house.enter("s-admin", "root", "admin")
    await house.enter("s-buyer", "u-42")
    assert await house.is_refused("s-admin", "request:stats") == BUSY
    assert (await house.say("s-buyer", "request:stats"))["ok"] is True


async def test_leaving_needs_no_redis(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:orders")
    house.attachment.never_joins = True
    assert await house.say(buyer, "unsubscribe:orders") == joined("user:u-42")


# -- counting -------------------------------------------------------------------------------------------------------


async def test_commands_are_counted_by_name_and_outcome(house: Gatehouse, buyer: str) -> None:
    await house.say(buyer, "subscribe:orders")
    await house.say(buyer, "subscribe:admin")
    await house.say(buyer, "subscribe:orders", [])
    assert count(house.metrics.commands, command="subscribe:orders", outcome="ok") == 1
    assert count(house.metrics.commands, command="subscribe:admin", outcome="forbidden") == 1
    assert count(house.metrics.commands, command="subscribe:orders", outcome="invalid_command") == 1


async def test_names_that_clients_make_up_do_not_become_labels(house: Gatehouse, buyer: str) -> None:
    for name in ("x", "y", "connect"):
        await house.say(buyer, name)
    assert count(house.metrics.commands, command="unknown", outcome="invalid_command") == 3


async def test_a_command_of_a_session_that_has_just_gone_has_no_answer(house: Gatehouse, buyer: str) -> None:
    house.gateway.disconnected(buyer, "transport close")
    assert await house.gateway.command(buyer, "subscribe:orders", ()) is None
    assert house.attachment.rooms_of(buyer) == {"user:u-42"}  # as python-socketio has not yet forgotten it


@pytest.mark.parametrize("name", ['a"b', "two\nlines", "\ud800", "x" * 1_000_000, "ok", "connect", "subscribe:orders "])
async def test_a_command_may_be_called_anything_and_is_counted_as_unknown(
    house: Gatehouse, buyer: str, name: str
) -> None:
    await house.is_refused(buyer, name, {})
    assert count(house.metrics.commands, command="unknown", outcome="invalid_command") == 1
    (family,) = house.metrics.commands.collect()
    assert {sample.labels["command"] for sample in family.samples} == {*COMMANDS, "unknown"}


async def test_a_command_that_meets_a_bug_is_counted_as_such(
    house: Gatehouse, buyer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(house.gateway._commands, "carry_out", fail)
    with pytest.raises(ZeroDivisionError):
        await house.say(buyer, "subscribe:orders")
    assert count(house.metrics.commands, command="subscribe:orders", outcome="internal") == 1
