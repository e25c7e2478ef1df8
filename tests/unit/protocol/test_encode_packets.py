"""Messages -> bytes: valid Socket.IO packets, whatever is in them."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet

from realtime.protocol.messages import AdminNotice, Announcement, Message, Notification, Priority, encode_packets
from unit.fakes import NOON
from unit.packets import read_packet


def announcement(text: str = "Hello.", event_id: str = "e-1") -> Announcement:
    return Announcement(event_id=event_id, message=text, priority=Priority.HIGH, timestamp=NOON)


def test_a_message_is_an_event_packet_of_the_default_namespace() -> None:
    (encoded,) = encode_packets([Message("order:created", ("orders:42",), (announcement(),))])
    assert read_packet(encoded) == (
        "order:created",
        {"eventId": "e-1", "message": "Hello.", "priority": "high", "timestamp": NOON},
    )


def test_a_packet_is_what_python_socketio_would_have_written() -> None:
    (encoded,) = encode_packets([Message("x", ("r",), (announcement("Grüße, 日本 😀"),))])
    stock = packet.Packet(packet.EVENT, json.loads(encoded[1:])).encode()
    assert json.loads(stock[1:]) == json.loads(encoded[1:])
    assert stock[0] == encoded.decode()[0] == "2"


def test_the_fields_of_all_parts_stand_in_one_object() -> None:
    notification = Notification(event_id="e-1", title="T", message="M", priority=Priority.LOW, timestamp=NOON)
    notice = AdminNotice(event_id="e-2", message="M", priority=Priority.LOW, timestamp=NOON, data={"a": None})
    first, second = encode_packets([Message("n", ("r",), (notification,)), Message("m", ("r",), (notice,))])
    assert set(read_packet(first)[1]) == {"eventId", "title", "message", "priority", "timestamp"}
    assert read_packet(second)[1]["data"] == {"a": None}


def test_fields_without_a_value_are_left_out() -> None:
    notification = Notification(event_id="e-1", title="T", message="M", priority=Priority.LOW, timestamp=NOON)
    (encoded,) = encode_packets([Message("notification", ("r",), (notification,))])
    assert b"null" not in encoded


def test_packets_come_in_the_order_of_their_messages() -> None:
    names = [f"m{number}" for number in range(50)]
    encoded = encode_packets(Message(name, ("r",), (announcement(name),)) for name in names)
    assert [read_packet(one)[0] for one in encoded] == names


def test_parts_that_exist_one_after_the_other_are_not_taken_for_each_other() -> None:
    def messages() -> Iterator[Message]:
        for number in range(50):
            yield Message("m", ("r",), (announcement(f"text {number}"),))

    said = [read_packet(one)[1]["message"] for one in encode_packets(messages())]
    assert said == [f"text {number}" for number in range(50)]


def test_parts_that_messages_share_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    ours = Announcement.json_fields
    monkeypatch.setattr(Announcement, "json_fields", lambda self: encoded.append(1) or ours(self))
    shared = (announcement(),)
    first, *others = encode_packets([Message(name, ("r",), shared) for name in ("a", "b", "c")])
    assert len(encoded) == 1
    assert [read_packet(other)[1] for other in others] == [read_packet(first)[1]] * 2


def test_nothing_to_say_is_no_packets() -> None:
    assert encode_packets([]) == []


text = st.text('a0é日😀\x00\x1f\x7f\u2028 ."\\{}[],:', max_size=12)


@given(text, text)
def test_any_text_arrives_as_it_was(said: str, event_id: str) -> None:
    (encoded,) = encode_packets([Message("m", ("r",), (announcement(said, event_id),))])
    assert read_packet(encoded)[1] == {"eventId": event_id, "message": said, "priority": "high", "timestamp": NOON}
