"""Clients that mean harm, or are broken: they get what the protocol gives them, leave no trace, and cost only themselves."""

import asyncio
import contextlib
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import uuid4

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conformance.echo_server import EchoServer
from conformance.raw import SEND_PATIENCE_SECONDS, Opcode, Wire, close, frame, request, text, upgrade_request
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
from parts.http import get
from parts.pod import Pod
from parts.redis_server import RedisServer
from parts.tokens import Issuer
from parts.waiting import eventually

# By hand: CONFORMANCE_HALF_OPEN=10000 (a process may open 20,000 descriptors here).
HALF_OPEN = int(os.environ.get("CONFORMANCE_HALF_OPEN", "1000"))
TIMEOUT_SECONDS = 1.0
# How long a server may wait for a client that does not say goodbye.
GOODBYE_SECONDS = 12.0
KEEP_ALIVE_SECONDS = 2
WAITING_MAX_BYTES = 262_144
MEGABYTE = 1_048_576
# What another client may feel of a flood at least; without one an answer takes less than a hundredth of this.
DELAY_SECONDS = 0.1
# More at once on one connection are refused; see `realtime.transports.engineio.http.MAX_PIPELINED`.
PIPELINED = 100


def memory_bytes(pid: int) -> int:
    """The memory that a process has in use."""
    (pages,) = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(pages) * 1_024


def descriptors(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EchoServer]:
    """A server that waits for nobody, and lets little wait."""
    sockets = {"waiting_max_bytes": WAITING_MAX_BYTES}
    http = {"request_timeout_seconds": 1.0, "keep_alive_seconds": KEEP_ALIVE_SECONDS}
    server = EchoServer(tmp_path_factory.mktemp("impatient"), http=http, sockets=sockets)
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pod(
    redis_server: RedisServer, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pod]:
    """The product itself, without Kafka, with short timeouts."""
    settings = {
        "REALTIME_REDIS__URL": redis_server.url,
        "REALTIME_REDIS__KEY_PREFIX": f"t{uuid4().hex[:8]}",
        "REALTIME_HTTP__REQUEST_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "REALTIME_HTTP__KEEP_ALIVE_SECONDS": "5",
        "REALTIME_SOCKETS__CONNECT_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "REALTIME_SOCKETS__PING_INTERVAL_SECONDS": str(TIMEOUT_SECONDS),
        "REALTIME_SOCKETS__PING_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "REALTIME_LIMITS__SESSIONS_PER_USER": "20000",
        "REALTIME_DRAIN__SETTLE_SECONDS": "0",
    }
    pod = Pod("hostile", tmp_path_factory.mktemp("pod"), settings | issuer.settings, roles="sockets")
    await pod.start()
    yield pod
    await pod.kill()


# -- half-open connections ------------------------------------------------------------------------------------------

Opener = Callable[[Wire, str], Awaitable[None]]


async def _nothing(wire: Wire, token: str) -> None:
    pass


async def _half_a_head(wire: Wire, token: str) -> None:
    await wire.send(request("GET", target("polling"))[:-2])


async def _half_a_body(wire: Wire, token: str) -> None:
    await wire.send(request("POST", "/realtime/test/notification", body="x" * 100)[:-50])


async def _a_websocket_that_never_connects(wire: Wire, token: str) -> None:
    assert (await wire.upgrade(target("websocket"))).status == 101


async def _half_a_frame(wire: Wire, token: str) -> None:
    await _a_websocket_that_never_connects(wire, token)
    await wire.send(text("40" + "x" * 1_000)[:500])


async def _a_websocket_that_never_pongs(wire: Wire, token: str) -> None:
    await _a_websocket_that_never_connects(wire, token)
    await wire.send(text(f'40{{"token":"{token}"}}'))
    assert str(await wire.message()).startswith("0")
    assert str(await wire.message()).startswith("40")


async def _a_session_that_never_polls(wire: Wire, token: str) -> None:
    assert (await wire.ask("GET", target("polling"))).status == 200


async def _a_session_that_connects_and_never_polls(wire: Wire, token: str) -> None:
    sid = packets_of(await wire.ask("GET", target("polling")))[0].split('"sid":"')[1].split('"')[0]
    assert (await wire.ask("POST", target("polling", sid), body=f'40{{"token":"{token}"}}')).status == 200


async def _a_poll_that_waits(wire: Wire, token: str) -> None:
    sid = packets_of(await wire.ask("GET", target("polling")))[0].split('"sid":"')[1].split('"')[0]
    await wire.send(request("GET", target("polling", sid)))


async def _an_upgrade_that_stops(wire: Wire, token: str) -> None:
    sid = packets_of(await wire.ask("GET", target("polling")))[0].split('"sid":"')[1].split('"')[0]
    assert (await wire.upgrade(target("websocket", sid))).status == 101
    await wire.send(text("2probe"))


KINDS: dict[str, Opener] = {
    "nothing": _nothing,
    "half a head": _half_a_head,
    "half a body": _half_a_body,
    "a websocket that never connects": _a_websocket_that_never_connects,
    "half a frame": _half_a_frame,
    "a websocket that never pongs": _a_websocket_that_never_pongs,
    "a session that never polls": _a_session_that_never_polls,
    "a session that connects and never polls": _a_session_that_connects_and_never_polls,
    "a poll that waits": _a_poll_that_waits,
    "an upgrade that stops": _an_upgrade_that_stops,
}


async def test_half_open_connections_leave_no_trace_after_the_timeout(pod: Pod, issuer: Issuer) -> None:
    token = issuer.token("half-open")
    # The first ones make the process as large as it gets; what the same again adds to it is a leak.
    await _come_and_are_forgotten(pod, token, HALF_OPEN)
    used_bytes = memory_bytes(pod.pid)
    await _come_and_are_forgotten(pod, token, HALF_OPEN)
    grown_bytes = memory_bytes(pod.pid) - used_bytes
    assert grown_bytes < max(4 * MEGABYTE, HALF_OPEN * 2_000), f"{grown_bytes / HALF_OPEN:.0f} bytes a connection"


async def _come_and_are_forgotten(pod: Pod, token: str, count: int) -> None:
    before = descriptors(pod.pid)
    async with AsyncExitStack() as at_the_end:
        wires = [(name, Wire(pod.port)) for _ in range(count // len(KINDS)) for name in KINDS]
        openers = asyncio.Semaphore(100)

        async def open_one(name: str, wire: Wire) -> None:
            async with openers:
                await at_the_end.enter_async_context(wire)
                with contextlib.suppress(EOFError, ConnectionError):  # the first may be timed out while others open
                    await KINDS[name](wire, token)

        async with asyncio.TaskGroup() as opening:
            for name, wire in wires:
                opening.create_task(open_one(name, wire))

        async def are_closed() -> bool:
            return descriptors(pod.pid) <= before + 5  # a probe's request, Redis

        # This process keeps its ends open: it is the pod that closes them.
        patience_seconds = 30 + count / 100
        try:
            await eventually(are_closed, patience_seconds, "the pod has closed all connections")
        except AssertionError as error:
            left = [name for name, wire in wires if not await wire.is_cut(0.001)]
            error.add_note(f"still open: { {name: left.count(name) for name in left} }")
            raise
        await eventually(lambda: _has_no_sessions(pod), patience_seconds, "the pod has no sessions")
    assert await pod.is_ready()


async def _has_no_sessions(pod: Pod) -> bool:
    response = await get(f"{pod.url}/metrics")
    assert response is not None
    gauges = re.findall(r"^realtime_connections\{.*\} (\S+)$", response.text, re.MULTILINE)
    assert gauges
    return all(float(gauge) == 0 for gauge in gauges)


@pytest.mark.parametrize(
    "dripped",
    [
        pytest.param(request("GET", target("polling")) * 10, id="a head"),
        pytest.param(upgrade_request(target("websocket"), {"X-Long": "x" * 1_000}), id="a handshake"),
        pytest.param(request("POST", "/alive", body="x" * 1_000), id="a body"),
        pytest.param(b"\r\n" * 1_000, id="empty lines"),
    ],
)
async def test_a_request_that_drips_in_is_cut_off(impatient_server: EchoServer, dripped: bytes) -> None:
    if dripped.startswith(b"GET /socket.io/?EIO=4&transport=polling"):
        dripped = dripped[:200]
    async with Wire(impatient_server.port) as wire:
        dripping = asyncio.create_task(_drip(wire, dripped))
        try:
            assert await wire.is_cut()
        finally:
            dripping.cancel()


async def _drip(wire: Wire, data: bytes) -> None:
    for position in range(len(data)):
        await wire.send(data[position : position + 1])
        await asyncio.sleep(0.05)  # the pace is what is tested


async def test_a_connection_without_a_request_is_kept_for_so_long_and_no_longer(impatient_server: EchoServer) -> None:
    async with Wire(impatient_server.port) as wire:
        assert (await wire.ask("GET", "/socket.io/?EIO=4&transport=polling")).status == 200
        assert not await wire.is_cut(KEEP_ALIVE_SECONDS / 2)
        assert await wire.is_cut()


async def test_a_payload_that_drips_in_is_cut_off_and_ends_no_other_session(impatient_server: EchoServer) -> None:
    other = await open_polling(impatient_server.port, connected=True)
    session = await open_polling(impatient_server.port, connected=True)
    async with Wire(impatient_server.port) as wire:
        dripping = asyncio.create_task(_drip(wire, request("POST", session.target, body="4" * 1_000)))
        try:
            assert await wire.is_cut()
        finally:
            dripping.cancel()
    assert await other.answers()


async def test_a_poll_may_wait_longer_than_a_request_may_take_to_come(impatient_server: EchoServer) -> None:
    session = await open_polling(impatient_server.port, connected=True)
    async with session.pending_get() as poll:
        assert not await poll.is_cut(2.5)
        await session.say(ECHO)
        assert packets_of(await poll.response()) == [ECHOED]


# -- floods ---------------------------------------------------------------------------------------------------------

# Enough that the server always has more of it to read. Kernels take megabytes by themselves: these are seconds of work,
# which once were left to the server while the next test measured.
FLOOD_BUFFER_BYTES = 65_536


@asynccontextmanager
async def flooding(wire: Wire, data: bytes) -> AsyncIterator[asyncio.Task[None]]:
    """Write without end, as fast as the server takes it; what it answers is thrown away. At the end all has been read."""

    async def read() -> None:
        while not await wire.is_cut(0.05):
            wire.forget()

    async def flood() -> None:
        while not reading.done():
            await wire.send(data)

    reading = asyncio.create_task(read())
    writing = asyncio.create_task(flood())
    try:
        yield reading
    finally:
        for task in (writing, reading):
            task.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)
        with contextlib.suppress(OSError):  # closed already
            wire.end_writing()
        assert await wire.is_cut(GOODBYE_SECONDS + SEND_PATIENCE_SECONDS), "the flood's connection is still there"


FLOODS = {
    "events": text(event("nobody listens")) * 2_000,
    "events that are answered": text(event("message-with-ack", ack=1)) * 500,
    "acks that nobody asked for": text("431[]") * 2_000,
    "pings": frame(Opcode.PING, b"x" * 125) * 500,
    "pongs": frame(Opcode.PONG, b"x" * 125) * 500,
    "noops": text("6") * 2_000,
    "Engine.IO pongs": text("3") * 2_000,
    "empty fragments": frame(0, fin=False) * 500,
    "events in tiny fragments": (text("4", fin=False) + frame(0, "2", fin=False) + frame(0, '["x"]')) * 300,
    "connects and disconnects": (text("41") + text("40")) * 500,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_from_one_client_does_not_delay_another(port: int, kind: str) -> None:
    bound_seconds = await _bound_seconds(port)
    async with open_websocket(port) as other, open_websocket(port, send_buffer_bytes=FLOOD_BUFFER_BYTES) as wire:
        if kind == "empty fragments":
            await wire.send(text("4", fin=False))
        async with flooding(wire, FLOODS[kind]) as flood:
            round_trips_seconds = await _round_trips(other)
            # Either the flood still goes on, or it was ended: then there was nothing to be delayed by.
            told = f"{round_trips_seconds} s; the flood was ended: {flood.done()}"
            assert median(round_trips_seconds) < bound_seconds, told


async def _bound_seconds(port: int) -> float:
    """What another client may feel of a flood here and now, from what it feels of the mildest one."""
    async with (
        open_websocket(port) as other,
        open_websocket(port, send_buffer_bytes=FLOOD_BUFFER_BYTES) as wire,
        flooding(wire, text("6") * 500),
    ):
        return max(DELAY_SECONDS, 10 * median(await _round_trips(other)))


async def _round_trips(wire: Wire) -> list[float]:
    """How long each of some answers takes."""
    loop = asyncio.get_running_loop()
    seconds = []
    for _ in range(20):
        began = loop.time()
        assert await answers(wire)
        seconds.append(loop.time() - began)
    return seconds


async def test_a_flood_of_requests_does_not_delay_another(port: int) -> None:
    session = await open_polling(port, connected=True)
    answered = 0

    async def flood(wire: Wire) -> None:
        nonlocal answered
        while True:
            await wire.send(request("POST", session.target, body="6") * PIPELINED)
            for _ in range(PIPELINED):
                assert (await wire.response()).status == 200
                answered += 1

    bound_seconds = await _bound_seconds(port)
    async with open_websocket(port) as other, Wire(port) as wire:
        under_way = asyncio.create_task(flood(wire))
        try:
            seconds: list[float] = []
            while answered <= 2 * PIPELINED:
                seconds += await _round_trips(other)
                assert not under_way.done()
            assert median(seconds) < 3 * bound_seconds
        finally:
            under_way.cancel()
            await asyncio.gather(under_way, return_exceptions=True)


async def test_who_floods_a_connection_that_is_gone_lets_others_run(port: int) -> None:
    """Of this client: it once sent on for ever to a server that had refused it, and nobody heard that."""
    async with Wire(port) as wire:
        wire.end_writing()
        others: list[str] = []
        asyncio.get_running_loop().call_soon(others.append, "ran")
        await wire.send(b"x")
        assert others == ["ran"]


async def test_a_flood_of_connections_does_not_delay_another(port: int) -> None:
    async def come_and_go() -> None:
        while True:
            async with Wire(port) as wire:
                await wire.upgrade(target("websocket"))
                await wire.send(text("40"))

    bound_seconds = await _bound_seconds(port)
    async with open_websocket(port) as other:
        flood = [asyncio.create_task(come_and_go()) for _ in range(20)]
        try:
            assert median(await _round_trips(other)) < bound_seconds
            assert not any(task.done() for task in flood)
        finally:
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)


# -- clients that do not read ---------------------------------------------------------------------------------------


UNREAD = {
    "events that are echoed": text(event("message", "x" * 60_000)),
    "events with an ack": text(event("message-with-ack", "x" * 60_000, ack=1)),
    "small events that are echoed": text(event("message", "x")) * 500,
    "small events with a large answer": text(event("burst", 1_000)) * 1_000,
}


async def test_clients_that_ask_and_do_not_read_the_answers_are_closed_and_cost_little_memory(
    impatient_server: EchoServer,
) -> None:
    async with watching_memory(impatient_server, 48 * MEGABYTE), asyncio.TaskGroup() as tasks:
        for name, data in UNREAD.items():
            tasks.create_task(_ask_and_do_not_read(impatient_server.port, data), name=name)
    async with open_websocket(impatient_server.port) as other:
        assert await answers(other)


async def _ask_and_do_not_read(port: int, data: bytes) -> None:
    async with open_websocket(port, receive_buffer_bytes=4_096) as wire:
        sending = asyncio.create_task(_send_all(wire, data, 20 * MEGABYTE))
        try:
            await eventually(lambda: sending.done() or _is_gone(wire), 20, "all is sent, or refused")
            await eventually(lambda: _is_gone(wire), GOODBYE_SECONDS, "the connection is closed")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def test_a_client_that_pings_and_does_not_read_the_pongs_costs_little_memory(
    impatient_server: EchoServer,
) -> None:
    async with (
        watching_memory(impatient_server, 16 * MEGABYTE),
        open_websocket(impatient_server.port, receive_buffer_bytes=4_096) as wire,
    ):
        sending = asyncio.create_task(_send_all(wire, frame(Opcode.PING, b"x" * 125) * 500, 20 * MEGABYTE))
        # Either all is read (RFC 6455 section 5.5.3 asks for the latest pong alone), or nothing more is.
        sent_bytes = -1
        while not sending.done() and sent_bytes != wire.sent_bytes:
            sent_bytes = wire.sent_bytes
            await asyncio.wait([sending], timeout=1)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


@asynccontextmanager
async def watching_memory(server: EchoServer, max_grown_bytes: int) -> AsyncIterator[None]:
    """See that a server never grows by more than that meanwhile."""
    before = memory_bytes(server.pid)
    most_bytes = 0

    async def watch() -> None:
        nonlocal most_bytes
        while True:
            most_bytes = max(most_bytes, memory_bytes(server.pid) - before)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
    assert most_bytes < max_grown_bytes, f"{most_bytes / MEGABYTE:.0f} MB more"


async def _send_all(wire: Wire, data: bytes, size: int) -> None:
    for _ in range(size // len(data)):
        await wire.send(data)


def _is_gone(wire: Wire) -> bool:
    try:
        wire.send_nowait(frame(Opcode.PONG))
    except ConnectionError:
        return True
    return False


async def test_a_session_that_posts_and_never_polls_is_closed_when_too_much_waits(
    impatient_server: EchoServer,
) -> None:
    session = await open_polling(impatient_server.port, connected=True)
    before = memory_bytes(impatient_server.pid)
    statuses = []
    for _ in range(20):
        statuses.append((await session.post(event("message", "x" * 60_000))).status)
        if statuses[-1] != 200:
            break
    assert statuses[-1] == 400, statuses
    assert 3 <= len(statuses) <= 8
    assert memory_bytes(impatient_server.pid) - before < 16 * MEGABYTE


async def test_a_client_that_is_too_slow_is_told_so_before_it_is_closed(impatient_server: EchoServer) -> None:
    async with (
        open_websocket(impatient_server.port, receive_buffer_bytes=4_096) as slow,
        open_websocket(impatient_server.port) as publisher,
    ):
        await slow.send(text(event("join", "slow", ack=1)))
        assert await slow.message() == "431[true]"
        for _ in range(100):
            await publisher.send(text(event("publish", "slow", 5, 20_000)))
            assert await answers(publisher)
        # What was under way when it was given up is read first, then the reason.
        heard = [await slow.frame()]
        while heard[-1].opcode is not Opcode.CLOSE:
            heard.append(await slow.frame())
        assert heard[-1].close_code in {1008, 1013}
        assert heard[-2].text.startswith('42["connection:closing"')
        assert len(heard) < 500


async def test_a_stalled_reader_among_many_does_not_delay_the_others(impatient_server: EchoServer) -> None:
    async with AsyncExitStack() as at_the_end:
        readers = [await at_the_end.enter_async_context(open_websocket(impatient_server.port)) for _ in range(30)]
        stalled = await at_the_end.enter_async_context(
            open_websocket(impatient_server.port, receive_buffer_bytes=4_096)
        )
        publisher = await at_the_end.enter_async_context(open_websocket(impatient_server.port))
        for wire in (*readers, stalled):
            await wire.send(text(event("join", "many", ack=1)))
            assert await wire.message() == "431[true]"

        async def hear(wire: Wire) -> None:
            for _ in range(40):
                for number in range(5):
                    assert await wire.message() == event("published", number, "x" * 10_000)

        async with asyncio.TaskGroup() as hearing:
            for wire in readers:
                hearing.create_task(hear(wire))
            for _ in range(40):
                await publisher.send(text(event("publish", "many", 5, 10_000)))
                assert await answers(publisher)
        assert await stalled.is_cut(GOODBYE_SECONDS)


async def test_a_client_that_does_not_read_its_responses_is_cut_off(impatient_server: EchoServer) -> None:
    before = memory_bytes(impatient_server.pid)
    async with Wire(impatient_server.port, receive_buffer_bytes=4_096) as wire:
        asked = request("POST", "/alive", body="x" * 60_000)
        loop = asyncio.get_running_loop()
        until = loop.time() + 10
        is_gone = False
        while not is_gone and loop.time() < until:
            try:
                if not wire.send_nowait(asked):  # a request cut short is as bad as no reading
                    await asyncio.sleep(0.05)
            except ConnectionError:
                is_gone = True
            assert memory_bytes(impatient_server.pid) - before < 32 * MEGABYTE
        assert is_gone, "the connection is still there after 10 s"


# -- HTTP pipelining ------------------------------------------------------------------------------------------------


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(*(request("POST", "/alive", body=f"{number}") for number in range(50)))
        assert [(await wire.response()).text for _ in range(50)] == [str(number) for number in range(50)]


async def test_pipelined_requests_of_both_kinds_are_answered_in_order(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        await wire.send(
            request("GET", target("polling")),
            request("POST", session.target, body=ECHO),
            request("GET", session.target),
            request("POST", "/alive", body="between"),
            request("GET", target("abc")),
            request("POST", session.target, body=event("message", 2)),
            request("GET", session.target),
        )
        assert packets_of(await wire.response())[0].startswith("0")
        assert (await wire.response()).text == "ok"
        assert packets_of(await wire.response()) == [ECHOED]
        assert (await wire.response()).text == "between"
        assert (await wire.response()).status == 400
        assert (await wire.response()).text == "ok"
        assert packets_of(await wire.response()) == [event("message-back", 2)]


async def test_what_is_pipelined_behind_a_poll_waits_for_it(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        await wire.send(request("GET", session.target), request("POST", "/alive", body="behind"))
        await session.say(ECHO)
        assert packets_of(await wire.response()) == [ECHOED]
        assert (await wire.response()).text == "behind"


async def test_a_websocket_pipelined_behind_a_poll_is_refused(port: int) -> None:
    session = await open_polling(port, connected=True)
    async with Wire(port) as wire:
        await wire.send(request("GET", session.target), upgrade_request(target("websocket")), text("40"), text(ECHO))
        await session.post(ECHO)
        responses = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                responses.append(await wire.response())
        assert 101 not in [response.status for response in responses]
        assert await wire.is_at_end()


async def test_what_comes_behind_a_refused_websocket_is_not_taken_for_requests(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(upgrade_request(target("websocket", "nobody")), request("POST", "/alive", body="smuggled"))
        assert (await wire.response()).status == 400
        assert await wire.is_at_end()


async def test_two_lengths_are_not_believed(port: int) -> None:
    """RFC 9112 section 6.3: a request that two servers may read differently."""
    session = await open_polling(port, connected=True)
    for headers in (
        {"Content-Length": "5\r\nContent-Length: 6"},
        {"Content-Length": "5", "Transfer-Encoding": "chunked"},
        {"Content-Length": "-5"},
        {"Content-Length": "five"},
    ):
        async with Wire(port) as wire:
            await wire.send(request("POST", session.target, headers), b"0\r\n\r\nx")
            assert (await wire.response()).status == 400
    assert await session.answers()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), id="TLS to a plain port"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n", id="a URL of 100000 bytes"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, id="headers without end"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000, id="a header without end"),
        pytest.param(bytes(range(256)) * 10, id="bytes"),
        pytest.param(upgrade_request("http://[::1"), id="a URL that is none"),
        pytest.param(upgrade_request("*"), id="a URL that is a star"),
        pytest.param(request("GET", "/socket.io/?EIO=4&transport=polling&sid=%ff%fe%00"), id="a sid that is not text"),
        pytest.param(request("GET", "/socket.io/?" + "&" * 5_000), id="a query of ampersands"),
    ],
)
async def test_what_is_no_proper_request_is_refused_or_answered(impatient_server: EchoServer, data: bytes) -> None:
    async with Wire(impatient_server.port) as wire:
        await wire.send(data)
        with contextlib.suppress(EOFError, ConnectionError):
            assert (await wire.response()).status in {200, 400, 403, 404, 413, 414, 431}
    async with open_websocket(impatient_server.port) as other:
        assert await answers(other)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"X: y\r\n" * 20_000, id="many of one name"),
        pytest.param(b"".join(b"X-%d: y\r\n" % number for number in range(101)), id="many names"),
        pytest.param(b"X: " + b"y" * 70_000 + b"\r\n", id="a long one"),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(request("GET", target("polling")), id="polling"),
        pytest.param(upgrade_request(target("websocket")), id="websocket"),
    ],
)
async def test_a_head_that_is_too_large_is_refused(port: int, kind: bytes, head: bytes) -> None:
    async with Wire(port) as wire:
        await wire.send(kind.removesuffix(b"\r\n"), head, b"\r\n")
        assert (await wire.response()).status == 431
        assert await wire.is_cut()


async def test_more_requests_than_may_wait_on_one_connection_are_refused(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(request("POST", "/alive", body="x") * 5_000)
        with contextlib.suppress(EOFError, ConnectionError):
            while (await wire.response()).status == 200:
                pass
        assert await wire.is_cut()
    async with open_websocket(port) as other:
        assert await answers(other)


# -- TLS ------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tls_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EchoServer, ssl.SSLContext]]:
    directory = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = _self_signed(directory)
    http = {"tls_certificate_file": str(certificate_file), "tls_key_file": str(key_file)}
    server = EchoServer(directory, http=http)
    await server.start()
    yield server, ssl.create_default_context(cafile=str(certificate_file))
    await server.kill()


def _self_signed(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


async def test_a_websocket_echoes_over_tls(tls_server: tuple[EchoServer, ssl.SSLContext]) -> None:
    server, tls = tls_server
    async with open_websocket(server.port, tls) as wire:
        assert await answers(wire)
        await wire.send(text(event("message", "x" * 60_000)), chop=1_000)
        assert str(await wire.message()).startswith('42["message-back","xxx')
        await wire.send(frame(Opcode.PING, b"x"))
        assert (await wire.frame()).opcode is Opcode.PONG
        await wire.send(close(1000))
        assert await wire.closed(answers=False) == 1000


async def test_polling_echoes_over_tls_and_upgrades(tls_server: tuple[EchoServer, ssl.SSLContext]) -> None:
    server, tls = tls_server
    session = await open_polling(server.port, tls, connected=True)
    assert await session.answers()
    async with session.pending_get() as poll, Wire(server.port, tls) as wire:
        assert (await wire.upgrade(target("websocket", session.sid))).status == 101
        await wire.send(text("2probe"))
        assert await wire.message() == "3probe"
        assert packets_of(await poll.response()) == ["6"]
        await wire.send(text("5"))
        assert await answers(wire)


async def test_the_handshake_and_frames_come_in_one_record_of_tls(
    tls_server: tuple[EchoServer, ssl.SSLContext],
) -> None:
    server, tls = tls_server
    async with Wire(server.port, tls) as wire:
        await wire.send(upgrade_request(target("websocket")), text("40"), text(ECHO))
        assert (await wire.upgraded()).status == 101
        assert [await wire.message() for _ in range(4)][3] == ECHOED


@pytest.mark.parametrize("broken", [text(ECHO, rsv=4), text(ECHO, mask=None), text("4" * 70_000)])
async def test_a_violation_is_answered_over_tls(tls_server: tuple[EchoServer, ssl.SSLContext], broken: bytes) -> None:
    server, tls = tls_server
    async with open_websocket(server.port, tls) as wire:
        await wire.send(broken)
        assert await wire.closed() in {1002, 1009}


async def test_the_origin_of_a_page_that_came_by_tls_is_the_same_by_tls_alone(
    tls_server: tuple[EchoServer, ssl.SSLContext],
) -> None:
    server, tls = tls_server
    async with Wire(server.port, tls) as wire:
        assert (await wire.ask("GET", target("polling"), {"Origin": "https://127.0.0.1"})).status == 200
        assert (await wire.ask("GET", target("polling"), {"Origin": "http://127.0.0.1"})).status in {400, 403}


async def test_plain_http_to_the_tls_port_is_cut_off(tls_server: tuple[EchoServer, ssl.SSLContext]) -> None:
    server, tls = tls_server
    async with Wire(server.port) as wire:
        await wire.send(request("GET", target("polling")))
        assert await wire.is_cut()
    assert isinstance(await open_polling(server.port, tls), Polling)
