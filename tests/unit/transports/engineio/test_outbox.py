"""What is written in one turn of the loop: once to each connection, in order."""

import asyncio
import itertools
import random

from realtime.transports.engineio.connection import Connection
from realtime.transports.engineio.outbox import Audience
from unit.transports.engineio.transport import FakeHub, FakeTransport


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_the_messages_of_one_turn_are_written_to_each_connection_with_one_call() -> None:
    hub = FakeHub()
    connections, transports = zip(*(hub.connect() for _ in range(5)), strict=True)
    room = Audience(connections)
    for frame in (b"a", b"b", b"c"):
        hub.outbox.put(room, frame)
    assert [transport.written for transport in transports] == [[]] * 5
    await turn()
    assert [transport.written for transport in transports] == [[b"abc"]] * 5


async def test_who_is_in_two_rooms_hears_both_in_order() -> None:
    hub = FakeHub()
    (both, in_both), (one, in_one) = hub.connect(), hub.connect()
    a, b = Audience([both, one]), Audience([both])
    for audience, frame in ((a, b"a1 "), (b, b"b1 "), (a, b"a2 ")):
        hub.outbox.put(audience, frame)
    hub.flush()
    assert in_both.written == [b"a1 b1 a2 "]
    assert in_one.written == [b"a1 a2 "]


async def test_who_joins_or_leaves_after_a_message_was_put_makes_no_difference() -> None:
    hub = FakeHub()
    (old, in_old), (new, in_new) = hub.connect(), hub.connect()
    hub.outbox.put(Audience([old]), b"a")
    hub.outbox.put(Audience([old, new]), b"b")
    hub.flush()
    assert (in_old.written, in_new.written) == ([b"ab"], [b"b"])


async def test_a_connection_that_closes_meanwhile_costs_the_others_nothing() -> None:
    hub = FakeHub()
    (gone, in_gone), (here, in_here) = hub.connect(), hub.connect()
    room = Audience([gone, here])
    for rooms in ([room], [room, Audience([here])]):
        for one in rooms:
            hub.outbox.put(one, b"a")
        gone.connection_lost(None)
        hub.flush()
    assert in_gone.written == []
    assert b"".join(in_here.written) == b"aaa"


async def test_whatever_happens_each_connection_hears_its_own_in_order() -> None:
    """A thousand random steps: rooms of many shapes, readers that stall and go on, polls; compared with a list."""
    choice = random.Random(5)
    hub = FakeHub(waiting_conflate_bytes=1_024, message_max_bytes=1_024, waiting_max_bytes=1 << 30)
    pairs: list[tuple[Connection, FakeTransport]] = [hub.connect() for _ in range(6)]
    expected: dict[Connection, bytes] = {connection: b"" for connection, _ in pairs}
    rooms = [Audience(choice.sample([c for c, _ in pairs], choice.randint(0, 6))) for _ in range(8)]
    for number in itertools.count():
        step = choice.random()
        if step < 0.8:
            room, frame = choice.choice(rooms), b"%06d " % number * choice.randint(1, 60)
            hub.outbox.put(room, frame)
            for connection in room.connections:
                expected[connection] += frame
        elif step < 0.9:
            hub.flush()
        elif step < 0.95:
            choice.choice(pairs)[1].stall()
        else:
            choice.choice(pairs)[1].go_on()
        if number > 1_000:
            break
    hub.flush()
    for connection, transport in pairs:
        transport.go_on()
        while connection.write is None:
            transport.go_on()
        assert b"".join(transport.written) == expected[connection]
