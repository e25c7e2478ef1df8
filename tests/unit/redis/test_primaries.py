"""Who is asked where the primary is, what is made of the answer, and when a server is left."""

import asyncio
from types import SimpleNamespace
from typing import Any, Self

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - of Redis
    MovedError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from realtime.redis.primaries import ClusterMap, LeavesWhoRefuses, PrimaryPool, SlotPrimaries

HALVES = [[0, 8191, [b"a", 1, b"id-a"], [b"a2", 2, b"id"]], [8192, 16383, [b"b", 3, b"id-b", []]]]


class Node:
    """A node of a cluster that says what it is told to, or cannot be reached."""

    def __init__(self, says: list[Any] | Exception) -> None:
        self.says = says
        self.asked = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def execute_command(self, command: str) -> list[Any]:
        assert command == "CLUSTER SLOTS"
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def cluster(**nodes: Node) -> ClusterMap:
    opened: Any = lambda host, _: nodes[host]  # noqa: E731 - a client, as far as it is used
    return ClusterMap(tuple((host, 6379) for host in nodes), opened)


async def test_each_slot_has_its_owner() -> None:
    asked = cluster(x=Node(HALVES))
    assert [await asked.owner(slot) for slot in (0, 8191, 8192, 16383)] == [("a", 1)] * 2 + [("b", 3)] * 2
    assert await SlotPrimaries(asked, 8192).find() == ("b", 3)


async def test_nodes_that_are_away_are_passed_over() -> None:
    away = {name: Node(error) for name, error in (("p", OSError("no route")), ("q", ConnectionError("refused")))}
    for _ in range(10):
        assert await cluster(**away, x=Node(HALVES)).owner(1) == ("a", 1)
    with pytest.raises(ConnectionError, match="no node of the cluster answers") as none:
        await cluster(**away).owner(1)
    assert "p:6379: no route" in str(none.value)
    assert "q:6379: refused" in str(none.value)


async def test_a_wrong_password_is_told() -> None:
    with pytest.raises(ConnectionError, match="WRONGPASS"):
        await cluster(x=Node(AuthenticationError("WRONGPASS"))).owner(1)


@pytest.mark.parametrize("host", [b"", None, b"?"])
async def test_a_node_that_does_not_know_its_own_host_is_where_it_was_asked(host: bytes | None) -> None:
    assert await cluster(x=Node([[0, 16383, [host, 7, b"id"]]])).owner(1) == ("x", 7)


async def test_a_slot_that_nobody_holds_is_told() -> None:
    with pytest.raises(ConnectionError, match="no node of the cluster holds slot 9000"):
        await cluster(x=Node(HALVES[:1])).owner(9_000)


async def test_of_connections_that_are_made_at_once_one_asks() -> None:
    node = Node(HALVES)
    asked = cluster(x=node)
    await asyncio.gather(*(asked.owner(slot) for slot in range(50)))
    assert node.asked == 1


async def test_when_the_primary_is_another_one_no_idle_connection_to_the_old_one_stays() -> None:
    primaries = SimpleNamespace(address=("a", 1))

    async def find() -> tuple[str, int]:
        return primaries.address

    primaries.find = find
    pool = PrimaryPool(primaries)
    idle, busy = SimpleNamespace(cut=False), SimpleNamespace(cut=False)

    async def cut() -> None:
        idle.cut = True

    idle.disconnect = cut
    busy.mark_for_reconnect = lambda: setattr(busy, "cut", True)
    pool._available_connections.append(idle)
    pool._in_use_connections = [busy]
    find_primary = pool.connection_kwargs["find_primary"]
    for _ in range(2):
        assert await find_primary() == ("a", 1)
    assert not idle.cut
    primaries.address = ("b", 2)
    assert await find_primary() == ("b", 2)
    assert idle.cut
    assert busy.cut


class Answering(Connection):
    """A connection on which one answer comes."""

    def __init__(self, answer: RedisError) -> None:
        super().__init__()
        self.answer = answer
        self.has_ended = False

    async def read_response(self, *_: Any, **__: Any) -> Any:
        raise self.answer

    async def disconnect(self, *_: Any, **__: Any) -> None:
        self.has_ended = True


class Leaving(LeavesWhoRefuses, Answering):
    pass


@pytest.mark.parametrize(
    ("answer", "leaves"),
    [
        (ReadOnlyError("You can't write against a read only replica."), True),
        (MovedError("1234 127.0.0.1:6379"), True),
        (ClusterDownError("The cluster is down"), True),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'"), False),
        (ResponseError("wrong number of arguments"), False),
    ],
)
async def test_who_says_that_others_are_to_be_asked_is_left(answer: RedisError, leaves: bool) -> None:
    connection = Leaving(answer)
    with pytest.raises(type(answer)):
        await connection.read_response()
    assert connection.has_ended is leaves
