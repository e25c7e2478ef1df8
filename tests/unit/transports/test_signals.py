"""What pods say to each other: written and read back, and nothing else is read."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet

from realtime.transports.socketio.signals import (
    CloseRoom,
    Disconnect,
    Emit,
    EnterRoom,
    LeaveRoom,
    Reply,
    Signal,
    decode_signal,
    encode_event,
    encode_signal,
    join_packet,
    split_packet,
)

SIGNALS: list[Signal] = [
    Emit(origin="a", namespace="/", room="user:42", text='2["x",{"é":"😀"}]'.encode()),
    Emit(origin="a", namespace="/chat", room=None, text=b"2[]", skip_sids=("s",), except_rooms=("r",), reply_to=7),
    Emit(origin="a", namespace="/", room="r", text=b"51-[]", attachments=(b"\x00\xff\xfe", b"")),
    Reply(origin="a", sid="s", ack_id=7, text="3[]", attachments=(b"\xff",)),
    EnterRoom(origin="a", sid="s", namespace="/", room="r", reply_to=1),
    LeaveRoom(origin="a", sid="s", namespace="/", room="r"),
    CloseRoom(origin="a", namespace="/", room="r", reply_to=1),
    Disconnect(origin="a", sid="s", namespace="/"),
]


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.kind)
def test_a_signal_is_read_as_it_was_written(signal: Signal) -> None:
    assert decode_signal(encode_signal(signal)) == signal


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.kind)
def test_a_signal_is_json_that_names_its_kind_and_its_origin(signal: Signal) -> None:
    written = json.loads(encode_signal(signal).partition(b"\n")[0])
    assert (written["kind"], written["origin"]) == (signal.kind, "a")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"kind":"emit"}',
        b'{"kind":"shutdown","origin":"a"}',
        b'{"kind":"disconnect","origin":"a","sid":5,"namespace":"/"}',
        b'{"kind":"enter_room","origin":"a","sid":"s","namespace":"/"}',
        b'{"kind":"emit","origin":"a","namespace":"/","room":"r"}',
        b'{"kind":"emit","origin":"a","namespace":"/","room":"r"}\n2["\xff"]',
        b'{"kind":"emit","origin":"a","namespace":"/","room":5}\n2[]',
        b'{"kind":"emit","origin":"a","namespace":"/","room":"r","skip_sids":"s"}\n2[]',
        b'{"kind":"emit","origin":"a","namespace":"/","room":"r","attachments":["not base64 *"]}\n51-[]',
        b"[" * 10_000,
    ],
)
def test_what_cannot_be_read_is_left_and_logged(written: bytes, logs: list[MutableMapping[str, Any]]) -> None:
    assert decode_signal(written) is None
    assert [entry["event"] for entry in logs] == ["unreadable_signal"]
    assert len(logs[0]["signal"]) <= 200


def test_fields_that_only_a_newer_version_knows_are_left_out() -> None:
    signal = json.loads(encode_signal(SIGNALS[4])) | {"since": "2.0"}
    assert decode_signal(json.dumps(signal).encode()) == SIGNALS[4]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text('aé😀\x00"\\', max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.text("aé:", min_size=1, max_size=5), st.lists(json_values, max_size=3))
def test_a_packet_keeps_its_arguments_binary_ones_too(name: str, arguments: list[Any]) -> None:
    text, attachments = encode_event("/", [name, *arguments])
    signal = Emit(origin="a", namespace="/", room="r", text=text, attachments=attachments)
    read = decode_signal(encode_signal(signal))
    assert isinstance(read, Emit)
    assert (read.text, read.attachments) == (text, attachments)
    assert join_packet(read.text.decode(), read.attachments) == [name, *arguments]


def test_an_ack_without_arguments_has_none() -> None:
    text, attachments = split_packet(packet.Packet(packet.ACK, [], "/"))
    assert join_packet(text, attachments) == []
