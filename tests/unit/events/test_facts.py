"""The contract with producers, field by field."""

import pytest
from pydantic import TypeAdapter, ValidationError

from realtime.events.catalog import FACTS
from realtime.events.fact import MAX_JSON_DEPTH, Amount, Identifier, IsoTime, JsonObject
from realtime.events.order import OrderUpdated

ORDER = {"orderId", "buyerId", "userId"}
PRODUCT = {"productId", "name", "sku", "price", "category", "changes", "createdAt", "updatedAt"}

FIELDS = {
    "order.created": ORDER | {"status", "items", "totalAmount", "currency", "createdAt"},
    "order.updated": ORDER
    | {"status", "previousStatus", "totalAmount", "trackingNumber", "estimatedDelivery", "updatedAt"},
    "order.cancelled": ORDER | {"reason", "refundAmount", "refundStatus", "cancelledAt"},
    "inventory.updated": {
        "productId",
        "stock",
        "previousStock",
        "sku",
        "productName",
        "lowStockThreshold",
        "updatedAt",
    },
    "product.created": PRODUCT,
    "product.updated": PRODUCT,
}


def test_the_catalog_holds_the_events_of_the_contract() -> None:
    assert set(FACTS) == set(FIELDS)


@pytest.mark.parametrize("event_type", FIELDS)
def test_an_event_has_the_fields_of_the_contract(event_type: str) -> None:
    assert {field.alias for field in FACTS[event_type].model_fields.values()} == FIELDS[event_type]


def test_an_order_belongs_to_its_buyer_where_both_names_are_given() -> None:
    assert OrderUpdated(order_id="o", buyer_id="buyer", user_id="user", status="paid").owner_id == "buyer"
    assert OrderUpdated(order_id="o", user_id="user", status="paid").owner_id == "user"


def test_a_fact_cannot_be_changed() -> None:
    fact = OrderUpdated(order_id="o", user_id="user", status="paid")
    with pytest.raises(ValidationError, match="frozen"):
        fact.status = "shipped"


@pytest.mark.parametrize("text", ["x", "user:42", "käse-日本-😀", "a" * 128, "../../etc", "{0}", "*", "🧀" * 128])
def test_an_identifier_is_up_to_128_characters_of_any_script(text: str) -> None:
    assert TypeAdapter(Identifier).validate_python(text, strict=True) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" ", id="a space"),
        pytest.param("a b", id="a space within"),
        pytest.param("a\n", id="a newline at the end"),
        pytest.param("\ta", id="a tab"),
        pytest.param("a\u00a0b", id="a no-break space"),
        pytest.param("a\u2028b", id="a line separator"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\x1bb", id="escape"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("a\x9bb", id="a control character beyond ASCII"),
        pytest.param("a\ud800b", id="half of a surrogate pair"),
        pytest.param("a" * 129, id="129 characters"),
    ],
)
def test_an_identifier_holds_neither_white_space_nor_control_characters(text: str) -> None:
    with pytest.raises(ValidationError, match="must be 1 to 128 characters"):
        TypeAdapter(Identifier).validate_python(text)


@pytest.mark.parametrize("number", [0, 5, -5, 19.99, 2**53, -(2**53)])
def test_an_amount_stays_the_number_that_it_was(number: float) -> None:
    validated = TypeAdapter(Amount).validate_python(number, strict=True)
    assert (validated, type(validated)) == (number, type(number))


@pytest.mark.parametrize(
    "number", [2**53 + 1, -(2**53) - 1, 2.0**53, 1e300, float("inf"), float("nan"), "5", True, None, [5]]
)
def test_what_is_no_amount_is_told_once_and_not_for_each_kind_of_number(number: object) -> None:
    with pytest.raises(ValidationError, match="must be a number from -9007199254740992 to") as refused:
        TypeAdapter(Amount).validate_python(number, strict=True)
    assert refused.value.error_count() == 1


@pytest.mark.parametrize("text", ["2026-11-23", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00.123+01:00"])
def test_a_time_is_kept_as_it_was_written(text: str) -> None:
    assert TypeAdapter(IsoTime).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "yesterday", "1795428000000", "2026-13-01", "2026-11-23T25:00:00Z", "0" * 65])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(IsoTime).validate_python(text)


def nested(levels: int) -> dict[str, object]:
    innermost: object = 1
    for _ in range(levels - 1):
        innermost = [innermost]
    return {"x": innermost}


def test_a_json_object_may_be_nested_up_to_its_limit() -> None:
    TypeAdapter(JsonObject).validate_python(nested(MAX_JSON_DEPTH))


@pytest.mark.parametrize("levels", [MAX_JSON_DEPTH + 1, 255, 5_000])
def test_a_json_object_that_is_nested_deeper_is_refused_in_few_words(levels: int) -> None:
    with pytest.raises(ValidationError, match="must not be nested deeper than 32 levels") as refused:
        TypeAdapter(JsonObject).validate_python(nested(levels))
    assert len(refused.value.errors(include_input=False)) == 1
