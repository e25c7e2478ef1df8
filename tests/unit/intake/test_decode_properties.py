"""Whatever producers write: it becomes an event that clients can read, or a `RecordError`, and nothing else."""

import contextlib
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from realtime.errors import RecordError
from realtime.intake.record import Partition, Record
from realtime.protocol.messages import encode_packets
from realtime.routing.routes import Router
from unit.packets import read_packet
from unit.records import EVENT_TYPES, LEAST, MOST, make_decoder

DECODER = make_decoder()
ROUTER = Router(low_stock_threshold=10)

# Few characters, and each of another kind: hypothesis finds trouble sooner than among all of Unicode.
text = st.text('a0é日😀\x00\x1f\x85\u2028\ud800 ."\\{', max_size=6)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
json_values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(text, scalars | st.lists(scalars), max_size=2)
readable = st.text('a0é日😀\x00\x1f\u2028 ."\\{', min_size=1, max_size=6)
fields = st.sampled_from(sorted({field for most in MOST.values() for field in most}))
json_objects = st.dictionaries(fields | text, json_values, max_size=6)
headers = st.dictionaries(
    st.sampled_from(["event-id", "traceparent", "ce_specversion", "ce_id", "ce_type", "x"]),
    st.binary(max_size=20) | st.sampled_from([b"1.0", b"order.created"]),
    max_size=5,
)
topics = st.sampled_from([*EVENT_TYPES, "payment.made"])
timestamps = st.just(0) | st.integers(min_value=-(2**63), max_value=2**63 - 1)


def check(topic: str, timestamp_ms: int, value: bytes | None, headers: dict[str, bytes]) -> bool:
    """Take a record all the way to the packets; False if it was refused on purpose."""
    try:
        event = DECODER.decode(Record(Partition(topic, 0), 1, timestamp_ms, None, value, headers))
    except RecordError as error:
        str(error).encode()  # the reason can be written into a header
        return False
    for packet in encode_packets(ROUTER.route(event)):
        name, data = read_packet(packet)
        assert name
        assert data["eventId"] == event.id
        assert data["timestamp"].endswith("Z")
    return True


@given(topics, timestamps, st.none() | st.binary(max_size=200), headers)
@example("order.created", 0, b'{"orderId":"\\udc00","buyerId":"u"}', {})
@example("order.created", 0, b"[" * 5_000, {})
def test_no_bytes_raise_anything_but_a_record_error(
    topic: str, timestamp_ms: int, value: bytes | None, headers: dict[str, bytes]
) -> None:
    check(topic, timestamp_ms, value, headers)


@given(topics, timestamps, st.sampled_from([{}, *LEAST.values()]), json_objects, headers)
def test_no_json_object_raises_anything_but_a_record_error(
    topic: str, timestamp_ms: int, valid: dict[str, Any], document: dict[str, Any], headers: dict[str, bytes]
) -> None:
    check(topic, timestamp_ms, json.dumps(valid | document).encode(), headers)


@given(st.sampled_from(EVENT_TYPES), timestamps, json_objects, json_values)
def test_no_cloudevents_event_raises_anything_but_a_record_error(
    topic: str, timestamp_ms: int, document: dict[str, Any], data: object
) -> None:
    envelope = {"specversion": "1.0", "id": "1", "type": topic, "data": data}
    check(topic, timestamp_ms, json.dumps(document | envelope).encode(), {})


@given(
    st.sampled_from(EVENT_TYPES),
    st.dictionaries(
        st.sampled_from(["status", "reason", "name", "productName", "sku", "currency", "refundStatus"]),
        readable,
    ),
    st.dictionaries(st.sampled_from(["totalAmount", "refundAmount", "price"]), st.integers() | st.floats()),
    st.dictionaries(
        st.just("changes"),
        st.dictionaries(
            readable,
            st.none() | st.booleans() | st.integers() | readable,
            max_size=3,
        ),
        max_size=1,
    ),
)
def test_whatever_decodes_is_told_to_clients_with_all_its_fields(
    event_type: str, texts: dict[str, str], amounts: dict[str, float], changes: dict[str, object]
) -> None:
    document = LEAST[event_type] | texts | amounts | changes
    value = json.dumps(document).encode()
    with contextlib.suppress(RecordError):
        event = DECODER.decode(Record(Partition(event_type, 0), 1, 0, None, value))
        _, data = read_packet(encode_packets(ROUTER.route(event))[0])
        declared = {field: document[field] for field in MOST[event_type] if field in document}
        assert {field: data[field] for field in declared} == declared
