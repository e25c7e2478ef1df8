"""What clients may say, and what happens to everything else that they say."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import InvalidCommand
from realtime.gateway.gateway import MAX_REFUSAL_CHARACTERS, parse_command, refusal
from realtime.protocol.commands import (
    COMMANDS,
    MAX_PRODUCTS_PER_COMMAND,
    MAX_TOKEN_CHARACTERS,
    FollowAdmin,
    FollowInventory,
    FollowOrders,
    RefreshToken,
    RequestStats,
    SubscribeAdmin,
    SubscribeInventory,
    SubscribeOrders,
)


def refused(name: Any, *arguments: Any) -> str:
    with pytest.raises(InvalidCommand) as error:
        parse_command(name, arguments)
    return str(error.value)


def test_the_commands_are_those_of_the_contract() -> None:
    follow = {"orders", "inventory", "admin"}
    expected = {f"subscribe:{what}" for what in follow} | {f"unsubscribe:{what}" for what in follow}
    assert set(COMMANDS) == expected | {"request:stats", "auth:refresh"}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"auth:refresh"}))
@pytest.mark.parametrize("arguments", [(), (None,), ({},)], ids=["nothing", "null", "an empty object"])
def test_a_command_may_come_without_a_payload(name: str, arguments: tuple[Any, ...]) -> None:
    assert isinstance(parse_command(name, arguments), COMMANDS[name])


@pytest.mark.parametrize(
    ("name", "payload", "command"),
    [
        ("subscribe:orders", {"userId": "42", "since": "e:7"}, SubscribeOrders(userId="42", since="e:7")),
        ("subscribe:orders", {"userId": None, "since": None}, SubscribeOrders()),
        ("unsubscribe:orders", {"userId": "42"}, FollowOrders(userId="42")),
        ("subscribe:inventory", {"productIds": ["a", "b"]}, SubscribeInventory(productIds=("a", "b"))),
        ("subscribe:inventory", {"productIds": None}, SubscribeInventory()),
        ("unsubscribe:inventory", {"productIds": ["a"]}, FollowInventory(productIds=("a",))),
        ("subscribe:admin", {}, SubscribeAdmin()),
        ("unsubscribe:admin", {}, FollowAdmin()),
        ("request:stats", {}, RequestStats()),
        ("auth:refresh", {"token": "a.b.c"}, RefreshToken(token="a.b.c")),
    ],
)
def test_a_command_in_its_form_is_understood(name: str, payload: dict[str, Any], command: object) -> None:
    assert parse_command(name, (payload,)) == command


def test_as_many_products_as_the_limit_can_be_followed_at_once() -> None:
    product_ids = [f"p{number}" for number in range(MAX_PRODUCTS_PER_COMMAND)]
    command = parse_command("subscribe:inventory", ({"productIds": product_ids},))
    assert command == SubscribeInventory(productIds=tuple(product_ids))


@pytest.mark.parametrize(
    "name", ["", "subscribe", "subscribe:Orders", "connection:success", "order:created", "__class__", "x" * 60_000]
)
def test_an_unknown_command_is_answered_with_the_known_ones(name: str) -> None:
    words = refused(name, {})
    assert all(known in words for known in COMMANDS)
    assert len(words) < MAX_REFUSAL_CHARACTERS


@pytest.mark.parametrize("name", [None, 5, True, 1.5])
def test_a_name_that_is_no_text_is_unknown(name: object) -> None:
    assert refused(name).startswith("Unknown command")


@pytest.mark.parametrize("payload", [[], ["a"], [{}], "42", 42, True, False, 0, "", b"", b"{}", 1.5])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_payload_that_is_no_object_is_refused(name: str, payload: object) -> None:
    assert refused(name, payload) == "A command takes one object, or nothing."


@pytest.mark.parametrize("arguments", [({}, {}), (None, None), ({}, "x"), tuple({} for _ in range(1_000))])
def test_more_than_one_argument_is_refused(arguments: tuple[Any, ...]) -> None:
    assert refused("subscribe:orders", *arguments) == "A command takes one object, or nothing."


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_field_that_nobody_declared_is_refused(name: str) -> None:
    assert "isAdmin: " in refused(name, {"isAdmin": True})


def test_names_in_snake_case_are_not_those_of_the_contract() -> None:
    assert "user_id: " in refused("subscribe:orders", {"user_id": "42"})


@pytest.mark.parametrize(
    ("name", "payload", "field"),
    [
        ("subscribe:orders", {"userId": 42}, "userId"),
        ("subscribe:orders", {"userId": True}, "userId"),
        ("subscribe:orders", {"userId": ["42"]}, "userId"),
        ("subscribe:orders", {"userId": {"$ne": ""}}, "userId"),
        ("subscribe:orders", {"userId": b"42"}, "userId"),
        ("subscribe:orders", {"userId": ""}, "userId"),
        ("subscribe:orders", {"userId": "4 2"}, "userId"),
        ("subscribe:orders", {"userId": "*\n"}, "userId"),
        ("subscribe:orders", {"userId": "\x00"}, "userId"),
        ("subscribe:orders", {"userId": "\ud800"}, "userId"),
        ("subscribe:orders", {"userId": "x" * 129}, "userId"),
        ("subscribe:orders", {"userId": "x" * 1_000_000}, "userId"),
        ("subscribe:inventory", {"productIds": []}, "productIds"),
        ("subscribe:inventory", {"productIds": "abc"}, "productIds"),
        ("subscribe:inventory", {"productIds": {"a": 1}}, "productIds"),
        ("subscribe:inventory", {"productIds": 5}, "productIds"),
        ("subscribe:inventory", {"productIds": [5]}, "productIds.0"),
        ("subscribe:inventory", {"productIds": ["a", None]}, "productIds.1"),
        ("subscribe:inventory", {"productIds": ["a", "b c"]}, "productIds.1"),
        ("subscribe:inventory", {"productIds": ["a", ["b"]]}, "productIds.1"),
        ("subscribe:inventory", {"productIds": ["\ud800"]}, "productIds.0"),
        ("subscribe:inventory", {"productIds": ["p"] * (MAX_PRODUCTS_PER_COMMAND + 1)}, "productIds"),
        ("auth:refresh", {}, "token"),
        ("auth:refresh", {"token": None}, "token"),
        ("auth:refresh", {"token": ""}, "token"),
        ("auth:refresh", {"token": 5}, "token"),
        ("auth:refresh", {"token": "x" * (MAX_TOKEN_CHARACTERS + 1)}, "token"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_a_hostile_payload_is_refused_by_its_fields_name(name: str, payload: dict[str, Any], field: str) -> None:
    words = refused(name, payload)
    assert words.startswith(f"{field}: ")
    assert len(words) <= MAX_REFUSAL_CHARACTERS


@pytest.mark.parametrize(
    "payload",
    [{"k" * 60_000: 1}, {"\ud800": 1}, {5: 1}, {f"k{number}": 1 for number in range(1_000)}],
    ids=["long", "no text", "a number", "many"],
)
def test_hostile_names_of_fields_get_a_short_answer_that_can_be_sent(payload: dict[str, Any]) -> None:
    words = refused("subscribe:orders", payload)
    assert len(words) <= MAX_REFUSAL_CHARACTERS
    assert json.dumps(refusal(InvalidCommand(words))).encode()


def test_a_refusal_does_not_repeat_what_may_be_a_token() -> None:
    assert "secret" not in refused("auth:refresh", {"token": ["secret"]})


payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["userId", "productIds", "token", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(COMMANDS)) | st.text(max_size=5), st.lists(payloads, max_size=2))
def test_no_command_raises_anything_but_invalid_command(name: str, arguments: list[Any]) -> None:
    with contextlib.suppress(InvalidCommand):
        parse_command(name, tuple(arguments))
