"""The client comes back by itself, once at a time, and does what its network does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parts.waiting import eventually
from swarm.frames import PING, PONG, TEXT
from tool.socketio import SocketIoClient

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
WELCOME = ('0{"sid":"a.pod-1"}', '40{"sid":"b"}', '430[{"ok":true}]')


class Server:
    """Answers every request alike, then says the same to everybody; it keeps what it receives."""

    def __init__(self, answer: bytes, *frames: bytes) -> None:
        self.taken = 0
        self.received = bytearray()
        self._serving: list[asyncio.Task[None] | None] = []
        self._said = answer + b"".join(frames)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        self._serving.append(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._said)
            while data := await reader.read(65_536):
                self.received += data
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def end(self) -> None:
        await asyncio.gather(*filter(None, self._serving))


def frame(kind: int, text: str) -> bytes:
    return bytes([0x80 | kind, len(text)]) + text.encode()


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[SocketIoClient]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    client = SocketIoClient("u-1", "token", [listening.sockets[0].getsockname()[1]])
    try:
        yield client
    finally:
        client.leave()
        listening.close()
        await server.end()


async def test_it_listens_when_it_is_in_its_room_and_knows_its_pod() -> None:
    server = Server(UPGRADED, *(frame(TEXT, text) for text in WELCOME))
    async with client_of(server) as client:
        client.come()
        await eventually(lambda: client.is_listening, 5, "it listens")

        assert client.connections == 1
        assert client.recoveries == 0
        assert [pod for pod, _ in client.handshakes] == ["pod-1"]


async def test_it_answers_pings_of_the_websocket() -> None:
    server = Server(UPGRADED, frame(PING, "are you there"))
    async with client_of(server) as client:
        client.come()

        await eventually(lambda: bytes([0x80 | PONG]) in server.received, 5, "a pong came")
        assert b"are you there" in server.received


async def test_who_comes_twice_has_one_connection() -> None:
    server = Server(UPGRADED, *(frame(TEXT, text) for text in WELCOME))
    async with client_of(server) as client:
        client.come()
        client.come()
        await eventually(lambda: client.is_listening, 5, "it listens")
        client.come()
        await asyncio.sleep(0.05)

        assert server.taken == 1


async def test_who_is_cut_off_while_it_connects_stays_away_until_it_comes() -> None:
    server = Server(UPGRADED, *(frame(TEXT, text) for text in WELCOME))
    async with client_of(server) as client:
        client.come()
        client.cut()
        await eventually(lambda: server.taken, 5, "the connection was on its way")
        await asyncio.sleep(0.05)
        assert not client.is_listening

        client.come()

        await eventually(lambda: client.is_listening, 5, "it listens")


async def test_who_is_sent_away_for_a_moment_counts_that_and_tries_again() -> None:
    server = Server(FULL)
    async with client_of(server) as client:
        client.come()

        await eventually(lambda: client.refusals >= 2, 10, "it has tried twice")
        assert client.connections == 0


async def test_who_is_not_let_into_the_room_does_not_listen() -> None:
    refusal = '430[{"ok":false,"error":"forbidden"}]'
    server = Server(UPGRADED, *(frame(TEXT, text) for text in (*WELCOME[:2], refusal)))
    async with client_of(server) as client:
        client.come()

        await eventually(lambda: server.taken >= 2, 10, "it has tried twice")
        assert client.connections == 0
