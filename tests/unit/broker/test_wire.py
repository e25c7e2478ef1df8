"""How a delivery is written: what goes in comes out, and nothing else is taken for one."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.broker import wire
from realtime.broker.base import Delivery, Publication

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text("a7Qx_-", min_size=1, max_size=8)
packets = texts.map(str.encode)


@given(
    names,
    st.integers(0, 2**53),
    st.integers(0, 2**53),
    packets,
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=3),
    st.none() | texts,
    st.none() | texts,
)
def test_what_is_written_is_read(
    epoch: str,
    offset: int,
    occurred_ms: int,
    packet: bytes,
    except_rooms: list[str],
    later_rooms: list[str],
    conflation_key: str | None,
    traceparent: str | None,
) -> None:
    publication = Publication(packet, (*except_rooms, "r", *later_rooms), occurred_ms, conflation_key, traceparent)
    payload = wire.with_offset(epoch, offset, wire.encode(publication, except_rooms, later_rooms))
    delivery = wire.decode("r", payload)
    assert type(delivery) is Delivery
    assert delivery == Delivery(
        room="r",
        epoch=epoch,
        offset=offset,
        packet=packet,
        occurred_ms=occurred_ms,
        except_rooms=tuple(except_rooms),
        conflation_key=conflation_key,
        traceparent=traceparent,
        later_rooms=tuple(later_rooms),
    )


def test_a_plain_delivery_is_two_lines_that_people_can_read() -> None:
    encoded = wire.encode(Publication(b'2["order:updated",{}]', ("r",), 1_763_890_000_123))
    assert wire.with_offset("7Qx2f0aB", 4711, encoded) == b'1 7Qx2f0aB 4711 1763890000123 -\n2["order:updated",{}]'


@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda end: b"1 epoch 1 1 " + end))
def test_no_bytes_raise_anything_but_a_value_error(payload: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert wire.decode("r", payload).packet.decode() is not None


def test_what_is_not_ours_is_none() -> None:
    assert wire.read("r", b"hello") is None


@pytest.mark.parametrize("room", ["r", "größe"])
def test_a_delivery_is_of_the_room_that_it_came_out_of(room: str) -> None:
    assert wire.decode(room, b"1 e 1 1 -\nx").room == room
