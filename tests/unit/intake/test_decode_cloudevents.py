"""CloudEvents 1.0, structured and binary, after the Kafka protocol binding."""

from typing import Any

import pytest

from realtime.errors import InvalidEvent, RecordError, UnknownEventType
from realtime.intake.record import Record
from unit.records import EVENT_TYPES, LEAST, make_decoder, make_record


def structured(event_type: str, **attributes: object) -> Record:
    """Write a CloudEvents event as one JSON object; an attribute that is None is left out."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/shop/orders",
        "type": event_type,
        "datacontenttype": "application/json",
        "data": LEAST[event_type],
    }
    event |= attributes
    headers = {"content-type": b"application/cloudevents+json", "event-id": b"not this one"}
    return make_record(event_type, {k: v for k, v in event.items() if v is not None}, headers)


def binary(event_type: str, **attributes: bytes | None) -> Record:
    """Write a CloudEvents event's attributes as headers; one that is None is left out."""
    headers: dict[str, bytes | None] = {
        "content-type": b"application/json",
        "event-id": b"not this one",
        "ce_specversion": b"1.0",
        "ce_id": b"ce-1",
        "ce_source": b"/shop/orders",
        "ce_type": event_type.encode(),
    }
    headers |= {f"ce_{name}": value for name, value in attributes.items()}
    return make_record(event_type, LEAST[event_type], {k: v for k, v in headers.items() if v is not None})


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("write", [structured, binary])
def test_a_cloudevents_event_holds_the_same_fact_as_a_flat_one(write: Any, event_type: str) -> None:
    event = make_decoder().decode(write(event_type))
    flat = make_decoder().decode(make_record(event_type, LEAST[event_type]))
    assert (event.fact, event.type, event.occurred_ms) == (flat.fact, flat.type, flat.occurred_ms)


@pytest.mark.parametrize("write", [structured, binary])
def test_its_id_is_the_events_id(write: Any) -> None:
    assert make_decoder().decode(write("order.created")).id == "ce-1"


def test_its_type_may_carry_the_organisations_domain_in_front() -> None:
    assert make_decoder().decode(structured("order.created", type="com.example.order.created")).id == "ce-1"
    assert make_decoder().decode(binary("order.created", type=b"com.example.order.created")).id == "ce-1"


@pytest.mark.parametrize("version", ["0.3", "1.1", "2.0", "1", "", 1.0, ["1.0"]])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(InvalidEvent, match=r"is not supported, only '1\.0'"):
        make_decoder().decode(structured("order.created", specversion=version))


@pytest.mark.parametrize("version", [b"0.3", b"", b"\xff"])
def test_another_version_in_a_header_is_refused(version: bytes) -> None:
    with pytest.raises(InvalidEvent, match=r"is not supported, only '1\.0'"):
        make_decoder().decode(binary("order.created", specversion=version))


@pytest.mark.parametrize("record", [structured("order.created", id=bad) for bad in (None, "", 5, ["x"])])
def test_an_event_without_an_id_is_refused(record: Record) -> None:
    with pytest.raises(InvalidEvent, match="has no id"):
        make_decoder().decode(record)


@pytest.mark.parametrize("event_id", [None, b""])
def test_an_event_without_an_id_in_its_headers_is_refused(event_id: bytes | None) -> None:
    with pytest.raises(InvalidEvent, match="has no id"):
        make_decoder().decode(binary("order.created", id=event_id))


def test_an_endless_id_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="1 to 256 characters"):
        make_decoder().decode(structured("order.created", id="x" * 257))


@pytest.mark.parametrize("foreign", ["order.updated", "created", "xorder.created", "order.created.v2", "", 5, None])
def test_an_event_of_a_foreign_type_is_refused(foreign: object) -> None:
    with pytest.raises(UnknownEventType, match=r"does not belong in a topic of order\.created events"):
        make_decoder().decode(structured("order.created", type=foreign))


@pytest.mark.parametrize("foreign", [b"order.updated", b"", b"\xff", None])
def test_a_header_of_a_foreign_type_is_refused(foreign: bytes | None) -> None:
    with pytest.raises(UnknownEventType):
        make_decoder().decode(binary("order.created", type=foreign))


@pytest.mark.parametrize("data", [None, [], "{}", 5, True, [LEAST["order.created"]]])
def test_data_that_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(InvalidEvent, match="no JSON object as its data"):
        make_decoder().decode(structured("order.created", data=data))


def test_data_in_base64_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="no JSON object as its data"):
        make_decoder().decode(structured("order.created", data=None, data_base64="e30="))


def test_the_data_keeps_the_contract_like_a_flat_value() -> None:
    with pytest.raises(InvalidEvent, match="stock: "):
        make_decoder().decode(structured("inventory.updated", data={"productId": "p", "stock": -1}))


def test_facts_beside_the_data_are_not_read() -> None:
    with pytest.raises(InvalidEvent, match="orderId: Field required"):
        make_decoder().decode(structured("order.created", data={}, orderId="o", buyerId="u"))


def test_a_binary_event_without_a_value_is_refused() -> None:
    headers = binary("order.created").headers
    with pytest.raises(RecordError, match="has no value"):
        make_decoder().decode(make_record("order.created", None, dict(headers)))


def test_headers_that_only_look_like_cloudevents_do_not_make_an_event_one() -> None:
    record = make_record("order.created", LEAST["order.created"], {"ce_id": b"ce-1", "ce_type": b"nonsense"})
    assert make_decoder().decode(record).id == "order.created:3:7"
