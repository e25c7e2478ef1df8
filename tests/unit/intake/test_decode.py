"""Record -> event: what is taken, and with which words the rest is refused."""

import json
from typing import Any

import pytest

from realtime.errors import InvalidEvent, UnknownEventType, UnreadableRecord
from realtime.events.inventory import InventoryUpdated
from realtime.events.order import OrderCreated, OrderUpdated
from realtime.intake.decode import MAX_EVENT_ID_CHARACTERS, MAX_TIMESTAMP_MS, Decoder
from realtime.intake.record import Record
from unit.fakes import NOON_MS
from unit.records import EVENT_TYPES, LEAST, MAX_BYTES, MOST, make_decoder, make_record

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def refusal(record: Record) -> str:
    """The words in which a record is refused for breaking the contract."""
    with pytest.raises(InvalidEvent) as refused:
        make_decoder().decode(record)
    return str(refused.value)


def without(event_type: str, field: str) -> dict[str, Any]:
    return {name: value for name, value in LEAST[event_type].items() if name != field}


# -- what is taken --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_event_with_the_least_fields_is_taken(event_type: str) -> None:
    event = make_decoder().decode(make_record(event_type, LEAST[event_type]))
    assert event.type == event_type
    assert event.fact.model_dump(by_alias=True, exclude_none=True) == LEAST[event_type]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_event_with_all_fields_keeps_all_of_them(event_type: str) -> None:
    event = make_decoder().decode(make_record(event_type, MOST[event_type]))
    assert json.loads(event.fact.model_dump_json(by_alias=True, exclude_none=True)) == MOST[event_type]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_optional_fields_may_be_null(event_type: str) -> None:
    nulls = dict.fromkeys(MOST[event_type].keys() - LEAST[event_type].keys())
    event = make_decoder().decode(make_record(event_type, nulls | LEAST[event_type]))
    assert event.fact.model_dump(by_alias=True, exclude_none=True) == LEAST[event_type]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_only_declared_fields_travel_on(event_type: str) -> None:
    spoken = LEAST[event_type] | {"passwordHash": "x", "__proto__": {}, "eventId": "forged", "priority": "urgent"}
    event = make_decoder().decode(make_record(event_type, spoken))
    assert event.fact.model_dump(by_alias=True, exclude_none=True) == LEAST[event_type]


def test_an_event_says_when_its_record_was_written() -> None:
    assert make_decoder().decode(make_record("product.created", {"productId": "p"})).occurred_ms == NOON_MS


def test_what_is_replayed_happened_when_it_happened_and_is_not_measured() -> None:
    for headers, is_measured in ({}, True), ({"dead-letter-attempts": b"1"}, False):
        event = make_decoder().decode(make_record("product.created", {"productId": "p"}, headers))
        assert (event.occurred_ms, event.is_measured) == (NOON_MS, is_measured)


def test_an_order_may_name_its_owner_by_the_older_name_alone() -> None:
    event = make_decoder().decode(make_record("order.created", {"orderId": "o", "userId": "u"}))
    assert isinstance(event.fact, OrderCreated)
    assert event.fact.owner_id == "u"


def test_of_a_key_that_is_written_twice_the_last_value_counts() -> None:
    value = b'{"orderId":"o","buyerId":"first","buyerId":"last","status":"paid"}'
    event = make_decoder().decode(make_record("order.updated", value))
    assert isinstance(event.fact, OrderUpdated)
    assert event.fact.buyer_id == "last"


def test_a_value_of_exactly_the_largest_size_is_read() -> None:
    start = b'{"productId":"p"'
    value = start + b" " * (MAX_BYTES - len(start) - 1) + b"}"
    assert make_decoder().decode(make_record("product.created", value)).type == "product.created"


# -- what breaks the contract of fields -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event_type", "field"),
    [
        ("order.created", "orderId"),
        ("order.updated", "orderId"),
        ("order.updated", "status"),
        ("order.cancelled", "orderId"),
        ("inventory.updated", "productId"),
        ("inventory.updated", "stock"),
        ("product.created", "productId"),
        ("product.updated", "productId"),
    ],
)
@pytest.mark.parametrize("given", [{}, None], ids=["left out", "null"])
def test_a_required_field_is_required(event_type: str, field: str, given: object) -> None:
    value = without(event_type, field) | ({} if given == {} else {field: None})
    assert refusal(make_record(event_type, value)).startswith(f"{field}: ")


@pytest.mark.parametrize("event_type", ["order.created", "order.updated", "order.cancelled"])
@pytest.mark.parametrize("owner", [{}, {"buyerId": None}, {"buyerId": None, "userId": None}])
def test_an_order_without_an_owner_is_refused(event_type: str, owner: dict[str, Any]) -> None:
    words = refusal(make_record(event_type, without(event_type, "buyerId") | owner))
    assert words == "buyerId or userId is required: an order belongs to somebody"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_names_in_snake_case_are_not_those_of_the_contract(event_type: str) -> None:
    snake = {"order_id": "o", "buyer_id": "u", "product_id": "p", "status": "paid", "stock": 1}
    assert "Field required" in refusal(make_record(event_type, snake))


WRONG = [
    ("order.created", "orderId", 5),
    ("order.created", "orderId", ["o"]),
    ("order.created", "buyerId", 42),
    ("order.created", "userId", True),
    ("order.created", "status", 1),
    ("order.created", "items", "tea"),
    ("order.created", "items", {"0": {}}),
    ("order.created", "items", [{}] * 1_001),
    ("order.created", "totalAmount", "39.50"),
    ("order.created", "totalAmount", True),
    ("order.created", "totalAmount", 10**30),
    ("order.created", "currency", 978),
    ("order.created", "createdAt", NOON_MS),
    ("order.created", "createdAt", "yesterday"),
    ("order.updated", "status", ""),
    ("order.updated", "status", "x" * 1_001),
    ("order.updated", "status", {"now": "paid"}),
    ("order.updated", "estimatedDelivery", "soon"),
    ("order.cancelled", "reason", ["no stock"]),
    ("order.cancelled", "refundAmount", "all"),
    ("inventory.updated", "stock", "5"),
    ("inventory.updated", "stock", True),
    ("inventory.updated", "stock", 5.0),
    ("inventory.updated", "stock", -1),
    ("inventory.updated", "stock", 2**53 + 1),
    ("inventory.updated", "stock", 10**4_000),
    ("inventory.updated", "previousStock", -1),
    ("inventory.updated", "lowStockThreshold", -1),
    ("product.created", "price", "19.50"),
    ("product.created", "price", False),
    ("product.created", "changes", ["price"]),
    ("product.updated", "name", 5),
]


@pytest.mark.parametrize(("event_type", "field", "value"), WRONG, ids=lambda value: str(value)[:20])
def test_a_value_of_the_wrong_kind_is_refused_by_its_fields_name(event_type: str, field: str, value: object) -> None:
    words = refusal(make_record(event_type, LEAST[event_type] | {field: value}))
    assert words.startswith(f"{field}: ")
    assert f"; {field}" not in words  # once, not once for each kind of value it may be


@pytest.mark.parametrize("text", ["", " ", "a b", "a\nb", "a\x00b", "x" * 129])
@pytest.mark.parametrize(
    ("event_type", "field"),
    [("order.created", "orderId"), ("order.created", "buyerId"), ("inventory.updated", "productId")],
)
def test_an_id_that_cannot_name_a_room_is_refused(event_type: str, field: str, text: str) -> None:
    words = refusal(make_record(event_type, LEAST[event_type] | {field: text}))
    assert words == f"{field}: must be 1 to 128 characters, none of them white space or control characters"


def test_a_problem_within_an_item_is_told_with_its_place() -> None:
    words = refusal(make_record("order.created", LEAST["order.created"] | {"items": [{}, {"quantity": -1}]}))
    assert words == "items.1.quantity: Input should be greater than or equal to 0"


def test_of_many_problems_five_are_told_and_the_rest_counted() -> None:
    words = refusal(make_record("order.created", {"orderId": "o", "buyerId": "u", "items": [{"quantity": -1}] * 9}))
    assert words.count("items.") == 5
    assert words.endswith("; and 4 more")


def test_a_refusal_does_not_repeat_values_for_they_may_be_personal() -> None:
    words = refusal(make_record("order.created", {"orderId": "Ms Secret", "buyerId": 4711, "createdAt": "4711"}))
    assert "Secret" not in words
    assert "4711" not in words


# -- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(None, "has no value", id="a tombstone"),
        pytest.param(b"", "not JSON in UTF-8", id="nothing"),
        pytest.param(b"hello", "not JSON in UTF-8", id="text"),
        pytest.param(b'{"orderId":"o"', "not JSON in UTF-8", id="cut off"),
        pytest.param(b'{"orderId":"o"} {}', "not JSON in UTF-8", id="two documents"),
        pytest.param(b'{"orderId":"\xff\xfe"}', "not JSON in UTF-8", id="not UTF-8"),
        pytest.param('{"orderId":"o"}'.encode("utf-16"), "not JSON in UTF-8", id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"orderId":"o"}', "not JSON in UTF-8", id="a byte order mark"),
        pytest.param(b'{"orderId":"\\ud800"}', "not JSON in UTF-8", id="half of a surrogate pair"),
        pytest.param(b'{"orderId":"a\nb"}', "not JSON in UTF-8", id="a bare newline in a string"),
        pytest.param(b'{"totalAmount":NaN}', "not JSON in UTF-8", id="NaN"),
        pytest.param(b'{"totalAmount":Infinity}', "not JSON in UTF-8", id="Infinity"),
        pytest.param(b'{"totalAmount":-Infinity}', "not JSON in UTF-8", id="-Infinity"),
        pytest.param(b'{"totalAmount":' + b"9" * 5_000 + b"}", "not JSON in UTF-8", id="5,000 digits"),
        pytest.param(b'{"changes":' + b"[" * 900 + b"]" * 900 + b"}", "not JSON in UTF-8", id="nested 900 deep"),
        pytest.param(b"[]", "not an object", id="a list"),
        pytest.param(b'["orderId"]', "not an object", id="a list of names"),
        pytest.param(b"5", "not an object", id="a number"),
        pytest.param(b"null", "not an object", id="null"),
        pytest.param(b"true", "not an object", id="true"),
        pytest.param(b'"{}"', "not an object", id="a string"),
        pytest.param(b'{"x":"' + b"x" * MAX_BYTES + b'"}', f"at most {MAX_BYTES} are read", id="too large"),
        pytest.param(b"\xff" * (MAX_BYTES + 1), f"has {MAX_BYTES + 1} bytes", id="too large and not UTF-8"),
    ],
)
@pytest.mark.parametrize("event_type", ["order.created", "product.updated"])
def test_what_is_no_json_object_cannot_be_read(event_type: str, value: bytes | None, words: str) -> None:
    with pytest.raises(UnreadableRecord, match=words):
        make_decoder().decode(make_record(event_type, value))


def test_changes_that_are_nested_too_deep_are_refused() -> None:
    value = b'{"productId":"p","changes":{"x":' + b"[" * 100 + b"]" * 100 + b"}}"
    assert refusal(make_record("product.updated", value)) == "changes: must not be nested deeper than 32 levels"


def test_an_infinity_that_hides_in_an_exponent_is_refused() -> None:
    assert "finite" in refusal(make_record("product.updated", b'{"productId":"p","changes":{"x":1e400}}'))


def test_a_topic_that_carries_no_event_of_ours_is_told_by_name() -> None:
    with pytest.raises(UnknownEventType, match=r"no event is declared for topic payment\.made"):
        make_decoder().decode(make_record("payment.made", {"orderId": "o"}))


@pytest.mark.parametrize("timestamp_ms", [-1, MAX_TIMESTAMP_MS + 1, NOON_MS * 1_000_000, 2**63 - 1])
def test_a_timestamp_that_is_not_in_milliseconds_is_refused(timestamp_ms: int) -> None:
    words = refusal(make_record("product.created", LEAST["product.created"], timestamp_ms=timestamp_ms))
    assert words == f"the record's timestamp {timestamp_ms} is not in milliseconds since 1970"


# -- identity and trace ---------------------------------------------------------------------------------------------


def test_an_event_is_known_by_its_place_where_its_producer_names_no_id() -> None:
    event = make_decoder().decode(make_record("order.created", LEAST["order.created"], offset=4711))
    assert event.id == "order.created:3:4711"


def test_the_header_event_id_names_the_event() -> None:
    record = make_record("order.created", LEAST["order.created"], {"event-id": "käse-1".encode()})
    assert make_decoder().decode(record).id == "käse-1"


@pytest.mark.parametrize("event_id", [b"", b"x" * (MAX_EVENT_ID_CHARACTERS + 1)])
def test_an_event_id_is_neither_empty_nor_endless(event_id: bytes) -> None:
    words = refusal(make_record("order.created", LEAST["order.created"], {"event-id": event_id}))
    assert words == "the event's id must have 1 to 256 characters"


def test_an_event_id_that_is_not_utf_8_does_not_cost_the_event() -> None:
    record = make_record("order.created", LEAST["order.created"], {"event-id": b"\xff-1"})
    assert make_decoder().decode(record).id == "\N{REPLACEMENT CHARACTER}-1"


def test_the_producers_trace_is_continued() -> None:
    record = make_record("order.created", LEAST["order.created"], {"traceparent": TRACEPARENT.encode()})
    assert make_decoder().decode(record).traceparent == TRACEPARENT


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"garbage",
        TRACEPARENT.upper().encode(),
        TRACEPARENT.encode() + b"-extra",
        TRACEPARENT.encode() + b"\n",
        b" " + TRACEPARENT.encode(),
        b"\xff" * 55,
        b"x" * 100_000,
    ],
)
def test_a_trace_that_is_not_one_is_not_passed_on(header: bytes) -> None:
    record = make_record("order.created", LEAST["order.created"], {"traceparent": header})
    assert make_decoder().decode(record).traceparent is None


def test_a_decoder_follows_the_topics_that_are_set() -> None:
    decoder = Decoder({"shop.stock.v2": "inventory.updated"}, MAX_BYTES)
    event = decoder.decode(make_record("shop.stock.v2", LEAST["inventory.updated"]))
    assert event.type == "inventory.updated"
    assert isinstance(event.fact, InventoryUpdated)
