"""One connection: what it takes, what waits in it, and how it ends."""

import asyncio
import json
from typing import cast

import pytest

from realtime.transports.engineio import frames
from realtime.transports.engineio.exchange import PollOverlap
from realtime.transports.engineio.frames import FrameReader
from realtime.transports.engineio.hub import GOODBYE_SECONDS, State
from realtime.transports.engineio.inbox import FRAMES_PER_TURN, MAX_INBOX
from realtime.transports.engineio.outbox import Audience
from realtime.transports.engineio.packets import text_frame
from unit.transports.engineio.client import client_frame, client_text
from unit.transports.engineio.transport import FakeHub, FakeTransport

KB = 1_024


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


def close_codes(transport: FakeTransport) -> list[int]:
    reader = [chunk for chunk in transport.written if chunk[-len(chunk) :] and b"\x88" in chunk]
    return [frames.close_code(frames.payload_of(chunk[chunk.index(b"\x88") :])) for chunk in reader]


# -- receiving ------------------------------------------------------------------------------------------------------


async def test_messages_are_handled_one_after_the_other() -> None:
    hub = FakeHub()
    connection, _ = hub.connect()
    connection.data_received(client_text("4a") + client_frame(2, b"b") + client_text("4c"))
    await settle()
    assert hub.messages == ["a", b"b", "c"]


async def test_a_flood_waits_in_its_own_tcp_connection() -> None:
    hub = FakeHub()
    hub.may_handle.clear()
    connection, transport = hub.connect()
    connection.data_received(client_text("4x") * 10_000)
    await settle()
    assert not transport.is_reading
    assert connection.unhandled <= MAX_INBOX
    hub.may_handle.set()
    while len(hub.messages) < 10_000:
        await asyncio.sleep(0)
    await settle()
    assert transport.is_reading


async def test_a_flood_of_pings_lets_others_have_their_turn() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    connection.data_received(client_frame(frames.PING) * (3 * FRAMES_PER_TURN))
    assert len(transport.written) == FRAMES_PER_TURN
    await settle()
    assert len(transport.written) == 3 * FRAMES_PER_TURN


async def test_who_does_not_read_gets_no_pongs() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    transport.stall()
    for _ in range(100):
        connection.data_received(client_frame(frames.PING, b"x" * 125) * 100)
        await settle()
    assert transport.buffered < 2 * hub.settings.waiting_conflate_bytes


@pytest.mark.parametrize("packet", ["", "2", "2probe", "7", "x", "b*", "bAQ", "é"])
async def test_what_is_no_packet_ends_the_connection(packet: str) -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    connection.data_received(client_text(packet) + client_text("4too late"))
    await settle()
    assert close_codes(transport) == [frames.PROTOCOL_ERROR]
    assert transport.is_eof
    assert (hub.messages, hub.closed, hub.violations) == ([], ["transport error"], 1)


async def test_a_binary_message_may_come_as_text() -> None:
    hub = FakeHub()
    connection, _ = hub.connect()
    connection.data_received(client_text("bAQID"))
    await settle()
    assert hub.messages == [b"\1\2\3"]


# -- what waits -----------------------------------------------------------------------------------------------------


async def test_what_waits_for_a_slow_reader_is_written_when_it_reads_again() -> None:
    hub = FakeHub(waiting_conflate_bytes=4 * KB, waiting_max_bytes=400 * KB)
    connection, transport = hub.connect()
    transport.stall()
    sent = [text_frame(b"%04d" % number + b"x" * KB) for number in range(100)]
    for frame in sent:
        hub.outbox.put(Audience([connection]), frame)
        hub.flush()
    assert len(b"".join(transport.written)) < 10 * KB
    transport.go_on()
    assert b"".join(transport.written) == b"".join(sent)
    assert connection.write is not None


async def test_above_the_first_mark_only_the_latest_of_a_conflation_key_waits() -> None:
    hub = FakeHub(waiting_conflate_bytes=4 * KB, message_max_bytes=4 * KB, waiting_max_bytes=40 * KB)
    connection, transport = hub.connect()
    transport.stall()
    for number in range(500):
        product = f"product:{number % 3}"
        hub.outbox.put(Audience([connection]), text_frame(f"{product}={number};".encode() + b"." * 500), product)
        hub.flush()
    hub.outbox.put(Audience([connection]), text_frame(b"without a key"))
    hub.flush()
    assert connection.is_open
    before = len(b"".join(transport.written))
    transport.go_on()
    late = b"".join(transport.written)[before:]
    assert [late.count(b"product:%d=" % number) for number in range(3)] == [1, 1, 1]
    assert late.index(b"product:2=497;") < late.index(b"product:0=498;") < late.index(b"product:1=499;")
    assert late.index(b"product:1=499;") < late.index(b"without a key")
    assert hub.conflated == 500 - b"".join(transport.written).count(b"product:")


async def test_above_the_second_mark_the_connection_is_closed_and_what_waited_is_dropped() -> None:
    hub = FakeHub(waiting_conflate_bytes=4 * KB, message_max_bytes=4 * KB, waiting_max_bytes=16 * KB)
    (slow, transport), (quick, in_quick) = hub.connect(), hub.connect()
    transport.stall()
    for _ in range(100):
        hub.outbox.put(Audience([slow, quick]), text_frame(b"x" * KB))
        hub.flush()
    assert hub.slow == [slow]
    assert close_codes(transport) == [frames.TRY_AGAIN_LATER]
    assert len(b"".join(transport.written)) < 20 * KB
    assert in_quick.written == [text_frame(b"x" * KB)] * 100
    await settle()
    assert hub.closed == ["slow client"]


async def test_what_waits_for_a_poll_is_bounded_too() -> None:
    hub = FakeHub(waiting_conflate_bytes=4 * KB, message_max_bytes=4 * KB, waiting_max_bytes=16 * KB)
    connection = hub.connect_polling()
    for _ in range(100):
        hub.outbox.put(Audience([connection]), text_frame(b"x" * KB))
        hub.flush()
    assert hub.slow == [connection]
    assert not connection.is_open


async def test_one_answer_to_a_poll_holds_no_more_packets_than_stock_clients_take() -> None:
    hub = FakeHub()
    connection = hub.connect_polling()
    for number in range(40):
        connection.wait_with(text_frame(b"%d" % number))
    bodies = []
    while connection.has_waiting:
        assert connection.exchange is not None
        assert connection.exchange.open_get().done()
        bodies.append(connection.exchange.close_get().split(b"\x1e"))
    assert [len(body) for body in bodies] == [16, 16, 8]
    assert [packet for body in bodies for packet in body] == [b"4%d" % number for number in range(40)]


async def test_two_polls_at_once_end_the_session() -> None:
    hub = FakeHub()
    connection = hub.connect_polling()
    exchange = connection.exchange
    assert exchange is not None
    first = exchange.open_get()
    with pytest.raises(PollOverlap):
        exchange.open_get()
    assert first.done()
    assert exchange.close_get() == b"1"
    assert connection.state is State.CLOSED


async def test_a_post_that_is_under_way_when_the_session_moves_is_taken_to_its_end() -> None:
    hub = FakeHub()
    hub.may_handle.clear()
    connection, transport = hub.connect_polling(), FakeTransport()
    exchange = connection.exchange
    assert exchange is not None
    taking = asyncio.create_task(exchange.take(b"\x1e".join(b"4%d" % number for number in range(40))))
    await settle()
    assert not taking.done()
    connection.connect_websocket(cast("asyncio.Transport", transport), FrameReader(1_000))
    hub.may_handle.set()
    await taking
    while len(hub.messages) < 40:
        await asyncio.sleep(0)
    assert hub.messages == [str(number) for number in range(40)]


async def test_many_small_packets_in_one_post_let_others_have_their_turn() -> None:
    hub = FakeHub()
    connection, turns = hub.connect_polling(), 0
    assert connection.exchange is not None
    taking = asyncio.create_task(connection.exchange.take(b"\x1e".join([b"6"] * 10_000)))
    while not taking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100


async def test_small_frames_count_as_what_it_costs_to_keep_them() -> None:
    hub = FakeHub(waiting_conflate_bytes=4 * KB, message_max_bytes=4 * KB, waiting_max_bytes=100 * KB)
    connection = hub.connect_polling()
    frames_kept = 0
    while connection.is_open:
        connection.wait_with(text_frame(b"x"))
        frames_kept += 1
    assert frames_kept < 1_000


# -- deadlines ------------------------------------------------------------------------------------------------------


async def test_a_client_that_does_not_answer_a_ping_is_closed() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    connection.on_due()
    assert transport.written == [b"\x81\x012"]
    connection.on_due()
    await settle()
    assert close_codes(transport) == [frames.NORMAL_CLOSURE]
    assert hub.closed == ["ping timeout"]


async def test_a_client_that_answers_its_pings_stays() -> None:
    hub = FakeHub()
    connection, _ = hub.connect()
    for _ in range(3):
        connection.on_due()
        connection.data_received(client_text("3"))
    assert connection.is_open


async def test_who_does_not_say_goodbye_in_time_is_cut() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    connection.close("server disconnect")
    assert (connection.state, transport.closed) == (State.CLOSING, None)
    assert connection.wheel_slot is not None
    connection.on_due()
    assert (connection.state, transport.closed) == (State.CLOSED, "aborted")
    assert hub.settings.ping_timeout_seconds > GOODBYE_SECONDS


async def test_a_client_is_not_taken_for_dead_while_its_pong_lies_behind_what_we_do_not_read() -> None:
    hub = FakeHub()
    hub.may_handle.clear()
    connection, _ = hub.connect()
    connection.on_due()
    connection.data_received(client_text("4x") * 100 + client_text("3"))
    connection.on_due()
    assert connection.is_open
    hub.may_handle.set()
    while len(hub.messages) < 100:
        await asyncio.sleep(0)
    await settle()
    connection.on_due()
    assert connection.is_open


# -- the end --------------------------------------------------------------------------------------------------------


async def test_the_end_is_told_once_and_behind_the_last_message() -> None:
    hub = FakeHub()
    hub.may_handle.clear()
    connection, _ = hub.connect()
    connection.data_received(client_text("4a") + client_text("4b"))
    await settle()
    connection.connection_lost(None)
    connection.connection_lost(None)
    hub.may_handle.set()
    await settle()
    assert (hub.messages, hub.closed) == (["a", "b"], ["transport close"])
    assert connection.state is State.CLOSED


async def test_who_says_more_than_can_be_read_ahead_and_leaves_means_all_of_it() -> None:
    for goodbye in (client_frame(frames.CLOSE), client_text("1"), b""):
        hub = FakeHub()
        connection, transport = hub.connect()
        connection.data_received(client_text("4x") * 1_000 + goodbye)
        if not goodbye:
            connection.connection_lost(None)
        await settle()
        while not hub.closed:
            await asyncio.sleep(0)
        assert len(hub.messages) == 1_000
        assert len(transport.written) == (1 if goodbye else 0)


async def test_what_a_client_says_that_the_server_closes_is_not_handled_any_more() -> None:
    hub = FakeHub()
    hub.may_handle.clear()
    connection, _ = hub.connect()
    connection.data_received(client_text("4a") + client_text("4b"))
    await settle()
    connection.close("server disconnect")
    hub.may_handle.set()
    await settle()
    assert (hub.messages, hub.closed) == (["a"], ["server disconnect"])


async def test_a_clients_close_is_answered_with_its_own_code() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    connection.data_received(client_frame(frames.CLOSE, (4_000).to_bytes(2, "big") + b"bye"))
    assert transport.written == [frames.encode_close(4_000)]
    assert transport.closed == "closed"


async def test_what_was_sent_before_the_end_arrives_before_the_end() -> None:
    hub = FakeHub()
    connection, transport = hub.connect()
    hub.outbox.put(Audience([connection]), text_frame(b"before"))
    connection.close("server disconnect", last=text_frame(json.dumps(["last"]).encode()))
    written = b"".join(transport.written)
    assert written.index(b"before") < written.index(b"last") < written.index(b"\x88")
