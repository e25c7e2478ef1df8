"""Who is asked where the primary is, what is made of the answer, and when a server is left."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any, Self

import pytest
from redis.asyncio.connection import Connection
from redis.asyncio.sentinel import Sentinel
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

from realtime.redis.primaries import (
    FRESH_SECONDS,
    ClusterMap,
    LeavesWhoRefuses,
    PrimaryPool,
    SentinelPrimaries,
    Shared,
    SlotPrimaries,
)

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


class SentinelNode:
    """A sentinel that knows the primary, or cannot be reached."""

    def __init__(self, *, is_there: bool) -> None:
        self.is_there = is_there
        self.asked = 0

    async def sentinel_masters(self) -> dict[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.is_there:
            raise ConnectionError("refused")
        state = {"ip": "10.0.0.1", "port": 6379, "is_master": True, "is_sdown": False, "is_odown": False}
        return {"realtime": {**state, "num-other-sentinels": 2}}


def sentinels(*are_there: bool) -> Sentinel:
    asked = Sentinel(())  # type: ignore[no-untyped-call]  # redis-py's has no types
    asked.sentinels = [SentinelNode(is_there=one) for one in are_there]
    return asked


async def test_no_sentinel_is_forgotten_when_many_ask_while_some_are_away() -> None:
    asked = sentinels(False, False, True)
    everyone = set(asked.sentinels)
    primaries = SentinelPrimaries(asked, "realtime")
    assert set(await asyncio.gather(*(primaries.find() for _ in range(50)))) == {("10.0.0.1", 6379)}
    assert set(asked.sentinels) == everyone
    assert sum(one.asked for one in everyone) == 3, "once each"


# --- one asks for all


class Question:
    """Answered as the test says, in the order in which it was asked."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[str]] = []

    async def ask(self) -> str:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def asking(shared: Shared[str], count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(shared.answer()) for _ in range(count)]
    for _ in range(3):  # the task, the question's, the question
        await asyncio.sleep(0)
    return tasks


async def give_up(*tasks: asyncio.Task[str]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_an_error_is_told_to_all_who_waited_and_to_nobody_who_comes_later() -> None:
    question = Question()
    shared = Shared(question.ask)
    waiting = await asking(shared, 3)
    question.asked[0].set_exception(ConnectionError("refused"))
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(error) for error in told] == ["refused"] * 3
    [later] = await asking(shared, 1)
    question.asked[1].set_result("here")
    assert await later == "here"


async def test_who_gives_up_takes_nothing_from_those_who_wait_on() -> None:
    question = Question()
    shared = Shared(question.ask)
    first, *others = await asking(shared, 3)
    await give_up(first)
    question.asked[0].set_result("here")
    assert await asyncio.gather(*others) == ["here"] * 2
    assert len(question.asked) == 1


async def test_nobody_complains_of_an_error_for_which_nobody_waits_any_longer() -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    question = Question()
    shared = Shared(question.ask)
    await give_up(*await asking(shared, 2))
    question.asked[0].set_exception(ConnectionError("refused"))
    await asyncio.sleep(0.01)
    gc.collect()
    assert not complaints


async def test_errors_leave_no_circles_for_the_garbage_collector() -> None:
    async def ask() -> str:
        raise ConnectionError("refused")

    shared = Shared(ask)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            with pytest.raises(ConnectionError):
                await shared.answer()
        assert gc.collect() < 100
    finally:
        gc.enable()


async def test_who_closes_it_ends_the_asking() -> None:
    question = Question()
    shared = Shared(question.ask)
    await give_up(*await asking(shared, 1))
    await shared.aclose()
    assert question.asked[0].cancelled()
    await shared.aclose()


async def test_an_answer_is_believed_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    question, loop = Question(), asyncio.get_running_loop()
    shared = Shared(question.ask)
    began = loop.time()
    for number, at in enumerate((0, FRESH_SECONDS * 0.9, FRESH_SECONDS * 1.1)):
        monkeypatch.setattr(loop, "time", lambda at=at: began + at)
        [asked] = await asking(shared, 1)
        if not asked.done():
            question.asked[-1].set_result(f"at {number}")
        assert await asked == ("at 0", "at 0", "at 2")[number]


# --- connections


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
