"""The Engine.IO protocol, version 4, "Upgrade": from polling to websocket, in one piece or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from conformance.echo_server import EchoServer
from conformance.raw import Opcode, Wire, binary, close, frame, text
from conformance.sessions import (
    ECHO,
    ECHOED,
    Polling,
    answers,
    event,
    open_polling,
    open_websocket,
    packets_of,
    target,
)
from parts.waiting import eventually

PROBE, PROBED, UPGRADE = text("2probe"), "3probe", text("5")


@asynccontextmanager
async def websocket_of(session: Polling) -> AsyncIterator[Wire]:
    """Open a websocket for a session that polls; nothing has been said yet."""
    async with Wire(session.port) as wire:
        assert (await wire.upgrade(target("websocket", session.sid))).status == 101
        yield wire


@asynccontextmanager
async def upgraded(port: int) -> AsyncIterator[tuple[Polling, Wire]]:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        await wire.send(UPGRADE)
        assert await answers(wire)
        yield session, wire


async def is_closed_at_once(session: Polling) -> bool:
    """Whether another websocket for the session is accepted and closed.

    "A client MUST NOT open more than one WebSocket connection per session. Should it happen, the server MUST close the
    WebSocket connection." The protocol's own test suite waits for `close`, and ends with an error at a refusal by HTTP.
    """
    async with Wire(session.port) as wire:
        assert (await wire.upgrade(target("websocket", session.sid))).status == 101
        await wire.send(PROBE, UPGRADE, text(ECHO))
        return [heard.opcode for heard in await wire.rest()] == [Opcode.CLOSE]


async def test_a_session_is_upgraded(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        assert await session.poll() == ["6"]
        await wire.send(UPGRADE, text(ECHO))
        assert await wire.message() == ECHOED


async def test_a_session_may_be_upgraded_before_it_is_in_a_namespace(port: int) -> None:
    session = await open_polling(port)
    async with websocket_of(session) as wire:
        await wire.send(PROBE, UPGRADE, text("40"), text(ECHO))
        heard = [await wire.message() for _ in range(4)]
        assert heard[0] == PROBED
        assert str(heard[1]).startswith('40{"sid"')
        assert heard[2:] == ['42["auth",{}]', ECHOED]


async def test_a_poll_that_waits_is_ended_with_a_noop_by_the_probe(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with session.pending_get() as poll, websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        assert packets_of(await poll.response()) == ["6"]
        await wire.send(UPGRADE)
        assert await answers(wire)


async def test_a_poll_that_waits_is_ended_with_a_noop_by_a_client_that_upgrades_at_once(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with session.pending_get() as poll, websocket_of(session) as wire:
        await wire.send(PROBE, UPGRADE, text(ECHO))
        assert packets_of(await poll.response()) == ["6"]
        assert [await wire.message() for _ in range(2)] == [PROBED, ECHOED]


async def test_polls_during_the_upgrade_do_not_wait(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        for _ in range(3):
            assert await session.poll() == ["6"]
        await wire.send(UPGRADE)
        assert await answers(wire)


async def test_payloads_during_the_upgrade_are_taken(port: int) -> None:
    """A client's POST may be on its way when it sends the probe."""
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        await session.say(event("message", 1))
        await wire.send(UPGRADE, text(event("message", 2)))
        assert [await wire.message() for _ in range(2)] == [event("message-back", 1), event("message-back", 2)]


async def test_after_the_upgrade_requests_are_refused_and_the_session_goes_on(port: int) -> None:
    async with upgraded(port) as (session, wire):
        assert (await session.get()).status == 400
        assert (await session.post(ECHO)).status == 400
        assert await answers(wire)


async def test_after_the_upgrade_another_websocket_is_closed_and_the_session_goes_on(port: int) -> None:
    async with upgraded(port) as (session, wire):
        assert await is_closed_at_once(session)
        assert await answers(wire)


async def test_during_the_upgrade_another_websocket_is_closed_and_the_first_goes_on(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        assert await is_closed_at_once(session)
        await wire.send(UPGRADE)
        assert await answers(wire)


async def test_a_session_that_began_by_websocket_has_no_other(port: int) -> None:
    async with Wire(port) as wire:
        await wire.upgrade(target("websocket"))
        sid = str(await wire.message()).split('"sid":"')[1].split('"')[0]
        session = Polling(port, sid, {})
        assert await is_closed_at_once(session)
        assert (await session.get()).status == 400
        assert (await session.post(ECHO)).status == 400
        await wire.send(text("40"))
        assert str(await wire.message()).startswith("40")


async def test_binary_passes_the_upgraded_websocket(port: int) -> None:
    async with upgraded(port) as (_, wire):
        await wire.send(text('451-["message",{"_placeholder":true,"num":0}]'), binary(b"\x01\x02"))
        assert await wire.message() == '451-["message-back",{"_placeholder":true,"num":0}]'
        assert await wire.message() == b"\x01\x02"


# -- an upgrade that comes to nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="nothing"),
        pytest.param([PROBE], id="the probe"),
        pytest.param([PROBE[:4]], id="half the probe"),
    ],
)
@pytest.mark.parametrize("goodbye", [None, close(1000)], ids=["cut", "closed"])
async def test_an_upgrade_that_is_abandoned_leaves_the_session_polling(
    port: int, said: list[bytes], goodbye: bytes | None
) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(*said)
        if said == [PROBE]:
            assert await wire.message() == PROBED
        if goodbye is not None and said != [PROBE[:4]]:
            await wire.send(goodbye)
            assert await wire.closed(answers=False) == 1000
    await goes_on_polling(session)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        await wire.send(UPGRADE)
        assert await answers(wire)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(text("4hello"), id="a message in place of the probe"),
        pytest.param(text("2"), id="a ping that is no probe"),
        pytest.param(text("2probf"), id="another ping"),
        pytest.param(text("3probe"), id="a pong"),
        pytest.param(text("abc"), id="no packet"),
        pytest.param(text(""), id="an empty text"),
        pytest.param(binary(b"2probe"), id="the probe as binary"),
        pytest.param(PROBE + text(ECHO), id="a message in place of the upgrade"),
        pytest.param(PROBE + binary(b"5"), id="the upgrade as binary"),
        pytest.param(frame(3), id="a broken frame"),
        pytest.param(PROBE + text("5", mask=None), id="an upgrade that is not masked"),
    ],
)
async def test_an_upgrade_that_breaks_the_protocol_closes_its_websocket_and_leaves_the_session_polling(
    port: int, said: bytes
) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(said)
        await wire.closed()
    await goes_on_polling(session)


async def goes_on_polling(session: Polling) -> None:
    """The session answers by polling, once the server has noticed that the websocket is gone."""

    async def is_echoed() -> bool:
        packets = await session.poll()
        return packets == [ECHOED]

    await session.say(ECHO)
    await eventually(is_echoed, 5, "the session answers by polling")
    async with session.pending_get() as poll:
        await session.say(ECHO)
        packets = packets_of(await poll.response())
    while packets == ["6"]:
        packets = await session.poll()
    assert packets == [ECHOED]


@pytest.mark.parametrize("said", [b"", PROBE], ids=["nothing", "the probe"])
async def test_an_upgrade_that_takes_too_long_is_ended_and_the_session_goes_on(
    quick_server: EchoServer, said: bytes
) -> None:
    session = await open_polling(quick_server.port, connected=True)
    beating = asyncio.create_task(_answer_pings(session))
    try:
        async with websocket_of(session) as wire:
            await wire.send(said)
            assert await wire.is_cut()
            assert not beating.done(), beating.result()
        # Once more, while the session lives from its pings, which are answered.
        async with open_websocket(quick_server.port):
            await session.say(event("join", "alive", ack=7))
        await eventually(lambda: beating.done() and beating.result(), 5, "the session has answered")
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _answer_pings(session: Polling) -> bool:
    while True:
        for packet in await session.poll():
            if packet == "2":
                await session.say("3")
            elif packet.startswith("437"):
                return True
            else:
                assert packet == "6"
        # After a noop the next poll begins at once: the server sends one for each poll while it upgrades.
        await asyncio.sleep(0.01)


async def test_the_session_ends_with_its_upgraded_websocket(port: int) -> None:
    async with upgraded(port) as (session, wire):
        await wire.send(close(1000))
        assert await wire.closed(answers=False) == 1000

    async def is_gone() -> bool:
        response = await session.get()
        assert response.status == 400
        return bool(response.json["code"] == 1)

    await eventually(is_gone, 5, "the session is unknown")


async def test_a_session_that_is_closed_by_polling_takes_its_unfinished_websocket_along(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        assert (await session.post("1")).status == 200
        assert await wire.is_cut()


async def test_a_session_that_loses_its_life_by_polling_takes_its_unfinished_websocket_along(
    quick_server: EchoServer,
) -> None:
    session = await open_polling(quick_server.port, connected=True)
    async with websocket_of(session) as wire:
        await wire.send(PROBE)
        assert await wire.is_cut()


# -- once, and in order ---------------------------------------------------------------------------------------------


async def test_what_waits_when_the_upgrade_comes_is_delivered_once_and_in_order(port: int) -> None:
    session = await open_polling(port, connected=True)
    await session.say(event("join", "r1", ack=1))
    assert await session.poll_for(1) == ["431[true]"]
    async with open_websocket(port) as publisher, websocket_of(session) as wire:

        async def publish(count: int) -> None:
            await publisher.send(text(event("publish", "r1", count, 1)))
            assert await answers(publisher)

        await publish(20)
        await wire.send(PROBE)
        assert await wire.message() == PROBED
        await publish(20)
        await wire.send(UPGRADE)
        heard = [await wire.message() for _ in range(40)]
        assert heard == [event("published", number, "x") for number in (*range(20), *range(20))]
        await publish(1)
        assert await wire.message() == event("published", 0, "x")


@pytest.mark.parametrize("attempt", range(5))
async def test_what_comes_while_the_session_is_upgraded_is_delivered_once_and_in_order(port: int, attempt: int) -> None:
    """As a stock client does it: polls go on until the probe was answered, and then the upgrade is sent."""
    session = await open_polling(port, connected=True)
    room = f"r2-{attempt}"
    await session.say(event("join", room, ack=1))
    assert await session.poll_for(1) == ["431[true]"]
    heard: list[str | bytes] = []

    async def poll_until(paused: asyncio.Event) -> None:
        while not paused.is_set():
            heard.extend(packet for packet in await session.poll() if packet != "6")

    async with open_websocket(port) as publisher, asyncio.TaskGroup() as tasks:
        paused = asyncio.Event()
        polling = tasks.create_task(poll_until(paused))
        await publisher.send(*(text(event("publish", room, 50, 10)) for _ in range(20)), chop=100)
        async with websocket_of(session) as wire:
            await wire.send(PROBE)
            assert await wire.message() == PROBED
            paused.set()
            await polling
            await wire.send(UPGRADE)
            while len(heard) < 1_000:
                heard.append(await wire.message())
            assert await answers(wire)
    assert heard == [event("published", number, "x" * 10) for number in range(50)] * 20
