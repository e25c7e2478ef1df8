"""Bodies of polling requests, and what becomes of the session."""

import asyncio
import base64
from typing import Any

from conformance.fuzz_connections import HARMLESS, make_said
from conformance.fuzz_frames import change
from conformance.sessions import PATH, SEPARATOR, target
from conformance.source import Source
from conformance.world import MESSAGE_MAX_BYTES, World, quiet, until
from realtime.transports.engineio.polling import PollingApp

# Beyond these, packets wait until those before them were handled, and a session may end in between.
MAX_PACKETS_AT_ONCE = 16

SPECIAL = ["b", "b=", "bAQ", "bAQ==", "b AQID", "b\nAQID", "bAQI_", "bAQID====", "", "7", "a", "κ", "x" * 1_030]


def make_entry(source: Source) -> str:
    """A packet as it stands in a payload, mostly right."""
    match source.number(0, 5):
        case 0 | 1 | 2:
            return source.pick(HARMLESS)
        case 3:
            return make_said(source)
        case 4:
            return "b" + base64.b64encode(source.blob(10)).decode()
        case _:
            return source.pick(SPECIAL)


def make(source: Source) -> tuple[bytes, int]:
    """A body, mostly right, and the size of the chunks in which it comes."""
    body = bytearray(SEPARATOR.join(make_entry(source) for _ in range(source.number(0, 20))).encode())
    change(source, body)
    return bytes(body), source.pick([1, 3, 64, 10_000, 10_000])


def check(request: tuple[bytes, int]) -> None:
    """A body is taken, or refused and its session closed; nothing is left of a closed session."""
    body, chunk_bytes = request
    world = World.shared()
    bugs_before = world.bugs()
    world.run(_check(world, body, chunk_bytes))
    assert world.bugs() == bugs_before, "a handler was taken by surprise"


async def _check(world: World, body: bytes, chunk_bytes: int) -> None:
    engine = world.parts.engine
    app = PollingApp(engine)
    connection = engine.open({})
    sid = connection.sid
    assert (await ask(app, "POST", sid, b"40"))[0] == 200
    greeting = b""
    while b'["auth",' not in greeting:
        status, greeting = await ask(app, "GET", sid)
        assert status == 200
    status, answer = await ask(app, "POST", sid, body, chunk_bytes)
    _judge(body, status, answer)
    await quiet()
    # Whatever it was, polls tell the rest: packets, and then the end of a session that is closed.
    if status != 200:
        assert not connection.is_open
    for _ in range(100):
        if not (connection.has_waiting or not connection.is_open):
            break
        status, answer = await ask(app, "GET", sid)
        if status != 200:
            assert (status, sid in engine.connections) == (400, False)
            break
        assert 1 <= len(answer.decode().split(SEPARATOR)) <= 16
    else:
        raise AssertionError("polls are answered without end")
    if connection.is_open:
        assert (await ask(app, "POST", sid, b"1"))[0] == 200
        await ask(app, "GET", sid)
    await until(lambda: not world.left(), f"nothing is left: {world.left()}")


def _judge(body: bytes, status: int, answer: bytes) -> None:
    if len(body) > MESSAGE_MAX_BYTES:
        assert status in {400, 413}
        return
    expected = expected_statuses(body)
    assert status in expected, f"{status} {answer!r} for {body!r}"


def expected_statuses(body: bytes) -> set[int]:
    """What may answer the body, by Engine.IO's own rules."""
    try:
        packets = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        return {400}
    for number, packet in enumerate(packets):
        if packet[:1] == "1":
            return {200}
        if not _is_packet(packet):
            # By then the session may have been closed for what was said before.
            return {400} if number < MAX_PACKETS_AT_ONCE else {200, 400}
    return {200}


def _is_packet(packet: str) -> bool:
    if packet[:1] == "b":
        try:
            base64.b64decode(packet[1:].encode("ascii"), validate=True)
        except ValueError:
            return False
        return True
    # A client's ping is answered by none of the packets that the document lists for a server.
    return packet[:1] in {"0", "3", "4", "5", "6"}


async def ask(
    app: PollingApp, method: str, sid: str, body: bytes = b"", chunk_bytes: int = 10_000
) -> tuple[int, bytes]:
    """Send a request to the application; status and body of the answer."""
    chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)] or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": PATH,
        "query_string": target("polling", sid).partition("?")[2].encode(),
        "headers": [(b"host", b"127.0.0.1")],
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
    }
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    start, *bodies = sent
    return start["status"], b"".join(message["body"] for message in bodies)
