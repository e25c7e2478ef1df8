"""Record -> event: the one place where producers' bytes are validated."""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from realtime.errors import InvalidEvent, UnknownEventType, UnreadableRecord
from realtime.events.catalog import FACTS
from realtime.events.envelope import Event
from realtime.intake.record import Record
from realtime.telemetry.trace_context import parse_traceparent

SUPPORTED_CLOUDEVENTS_VERSION: Final = "1.0"
MAX_EVENT_ID_CHARACTERS: Final = 256
# The end of the year 9999, behind which ISO 8601 has no four-digit years.
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999
# Enough to see everything that is wrong with an honest mistake.
MAX_PROBLEMS_TOLD: Final = 5

JsonObject = dict[str, object]


class Decoder:
    """Turns records into events.

    A value is the flat JSON object of the contract, or a CloudEvents 1.0 event around it: structured (the JSON object
    has a `specversion`) or binary (`ce_*` headers), after the CloudEvents Kafka protocol binding. `event_types` is
    topic -> event type. Values larger than `max_bytes` are not read.
    """

    def __init__(self, event_types: Mapping[str, str], max_bytes: int) -> None:
        self._event_types = event_types
        # Not `model_validate`, which does the same in a third more time.
        self._validators = {event_type: fact.__pydantic_validator__ for event_type, fact in FACTS.items()}
        self._max_bytes = max_bytes

    def event_type(self, record: Record) -> str | None:
        """The type of event that the record's topic carries, if it is one of ours."""
        return self._event_types.get(record.partition.topic)

    def decode(self, record: Record) -> Event:
        """Validate a record, once. Raises `UnreadableRecord`, `UnknownEventType` or `InvalidEvent`."""
        event_type = self.event_type(record)
        if event_type is None:
            raise UnknownEventType(f"no event is declared for topic {record.partition.topic}")
        document = self._read(record.value)
        attributes = _cloudevents_attributes(record.headers, document)
        data: object = document
        if attributes is not None:
            _check_cloudevents(attributes, event_type)
            if "specversion" in document:
                data = document.get("data")
                if not isinstance(data, dict):
                    raise InvalidEvent("the CloudEvents event has no JSON object as its data")
        try:
            fact = self._validators[event_type].validate_python(data, by_alias=True, by_name=False)
        except ValidationError as error:
            raise InvalidEvent(_tell(error)) from None
        if not 0 <= record.timestamp_ms <= MAX_TIMESTAMP_MS:
            raise InvalidEvent(f"the record's timestamp {record.timestamp_ms} is not in milliseconds since 1970")
        event_id, traceparent = _event_id(record, attributes), read_traceparent(record)
        return Event(event_id, event_type, fact, record.timestamp_ms, traceparent, not record.is_replayed)

    def _read(self, value: bytes | None) -> JsonObject:
        if value is None:
            raise UnreadableRecord("the record has no value")
        if len(value) > self._max_bytes:
            raise UnreadableRecord(f"the value has {len(value)} bytes; at most {self._max_bytes} are read")
        try:
            document = from_json(value, allow_inf_nan=False)
        except ValueError as error:
            raise UnreadableRecord(f"the value is not JSON in UTF-8: {error}") from None
        if not isinstance(document, dict):
            raise UnreadableRecord("the value is JSON, but not an object")
        return document


def _cloudevents_attributes(headers: Mapping[str, bytes], document: JsonObject) -> Mapping[str, object] | None:
    """The CloudEvents attributes of a record, or None if it is none."""
    if "specversion" in document:
        return document
    if "ce_specversion" in headers:
        return {
            name.removeprefix("ce_"): value.decode("utf-8", "replace")
            for name, value in headers.items()
            if name.startswith("ce_")
        }
    return None


def _check_cloudevents(attributes: Mapping[str, object], event_type: str) -> None:
    version, its_type = attributes.get("specversion"), attributes.get("type")
    if version != SUPPORTED_CLOUDEVENTS_VERSION:
        raise InvalidEvent(f"CloudEvents version {version!r} is not supported, only {SUPPORTED_CLOUDEVENTS_VERSION!r}")
    if not isinstance(attributes.get("id"), str) or not attributes["id"]:
        raise InvalidEvent("the CloudEvents event has no id")
    # Organisations commonly put their reversed domain in front: com.example.order.updated.
    if not isinstance(its_type, str) or (its_type != event_type and not its_type.endswith("." + event_type)):
        raise UnknownEventType(f"CloudEvents type {its_type!r} does not belong in a topic of {event_type} events")


def _event_id(record: Record, attributes: Mapping[str, object] | None) -> str:
    if attributes is not None:
        event_id = str(attributes["id"])
    elif "event-id" in record.headers:
        event_id = record.headers["event-id"].decode("utf-8", "replace")
    else:
        event_id = record.place
    if not event_id or len(event_id) > MAX_EVENT_ID_CHARACTERS:
        raise InvalidEvent(f"the event's id must have 1 to {MAX_EVENT_ID_CHARACTERS} characters")
    return event_id


def read_traceparent(record: Record) -> str | None:
    """The header that continues the producer's trace; None if there is none, or none that can be passed on."""
    header = record.headers.get("traceparent")
    if not header:
        return None
    text = header.decode("ascii", "replace")
    return None if parse_traceparent(text) is None else text


def _tell(error: ValidationError) -> str:
    """Say what is wrong in the producer's own field names, without the values: they may be personal."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{field}: {message}" if field else message)
    told = "; ".join(problems[:MAX_PROBLEMS_TOLD])
    return f"{told}; and {len(problems) - MAX_PROBLEMS_TOLD} more" if len(problems) > MAX_PROBLEMS_TOLD else told
