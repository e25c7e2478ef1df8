"""What python-socketio's API does, called on any pod for sockets on another; the same as with its own Redis manager.

`either` runs a test over our manager and over python-socketio's. Where we differ, `test_socketio_api_differs.py` tells.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from integration.transports.api_pods import CHAT, ApiCluster
from parts.waiting import eventually
from suites.listening import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Where a call is made: clients sit on the pods 0 and 1, and 2 has none.
ANYWHERE = pytest.mark.parametrize(
    "caller", range(3), ids=["where one sits", "where another sits", "where nobody sits"]
)


async def is_so(condition: Callable[[], Any]) -> None:
    await eventually(condition, PATIENCE_SECONDS, "it has come about")


async def enters(cluster: ApiCluster, sid: str, *rooms: str, pod: int, namespace: str | None = None) -> None:
    for room in rooms:
        await cluster.pods[pod].server.enter_room(sid, room, namespace=namespace)


# --- emit


@ANYWHERE
async def test_an_emit_to_a_room_reaches_its_members_on_all_pods(either: ApiCluster, caller: int) -> None:
    one, two, outsider = await either.connect(0), await either.connect(1), await either.connect(1)
    await enters(either, one.sid, "r", pod=0)
    await enters(either, two.sid, "r", pod=1)
    server = either.pods[caller].server
    for n in range(20):
        await server.emit("hello", {"n": n, "ü": "☃\n"}, to="r")
    await either.is_up_to_date(one, two, outsider)
    assert one.said == two.said == [("hello", {"n": n, "ü": "☃\n"}) for n in range(20)]
    assert outsider.said == []


@ANYWHERE
async def test_who_is_in_several_of_the_rooms_hears_once(either: ApiCluster, caller: int) -> None:
    clients = [await either.connect(n % 2) for n in range(4)]
    for n, client in enumerate(clients):
        await enters(either, client.sid, *(["a", "b", "c"], ["b", "c"], ["c"], ["d"])[n], pod=n % 2)
    await either.pods[caller].server.emit("hello", to=["a", "b", "c"])
    await either.pods[caller].server.emit("again", room=["c", "a"])
    await either.is_up_to_date(*clients)
    assert [client.said for client in clients] == [["hello", "again"], ["hello", "again"], ["hello", "again"], []]


@ANYWHERE
async def test_an_emit_to_one_session_reaches_it_alone(either: ApiCluster, caller: int) -> None:
    one, two = await either.connect(0), await either.connect(1)
    server = either.pods[caller].server
    for client in (one, two):
        await server.emit("hello", client.sid, to=client.sid)
        await server.send({"n": 1}, to=client.sid)
    await either.is_up_to_date(one, two)
    assert one.said == [("hello", one.sid), ("message", {"n": 1})]
    assert two.said == [("hello", two.sid), ("message", {"n": 1})]


@ANYWHERE
async def test_an_emit_to_nobody_in_particular_reaches_everybody(either: ApiCluster, caller: int) -> None:
    clients = [await either.connect(n % 2) for n in range(3)]
    await either.pods[caller].server.emit("hello")
    await either.is_up_to_date(*clients)
    assert [client.said for client in clients] == [["hello"]] * 3


@ANYWHERE
async def test_an_emit_leaves_out_whom_it_is_told_to(either: ApiCluster, caller: int) -> None:
    clients = [await either.connect(n % 2) for n in range(4)]
    for n, client in enumerate(clients):
        await enters(either, client.sid, "r", pod=n % 2)
    server = either.pods[caller].server
    await server.emit("without the first", to="r", skip_sid=clients[0].sid)
    await server.emit("without two", skip_sid=[clients[0].sid, clients[1].sid])
    await server.emit("nobody", to=clients[2].sid, skip_sid=clients[2].sid)
    await either.is_up_to_date(*clients)
    assert [client.said for client in clients] == [
        [],
        ["without the first"],
        ["without the first", "without two"],
        ["without the first", "without two"],
    ]


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (None, ()),
        ((), ()),
        ("text", ("text",)),
        (0, (0,)),
        ([1, [2]], ([1, [2]],)),
        (("two", {"arguments": None}), ("two", {"arguments": None})),
        (b"\x00\xff binary", (b"\x00\xff binary",)),
        (({"a": [b"1", b"2"]}, "x", b""), ({"a": [b"1", b"2"]}, "x", b"")),
        (b"x" * 300_000, (b"x" * 300_000,)),
    ],
    ids=lambda value: repr(value)[:32],
)
async def test_whatever_is_emitted_arrives_as_it_is(either: ApiCluster, data: Any, heard: tuple[Any, ...]) -> None:
    one, two = await either.connect(0), await either.connect(1)
    for client, pod in ((one, 0), (two, 1)):
        await enters(either, client.sid, "r", pod=pod)
    for to in ("r", one.sid, two.sid, None):
        await either.pods[0].server.emit("it", data, to=to)
    await either.is_up_to_date(one, two)
    said = ("it", *heard) if heard else "it"
    assert one.said == two.said == [said] * 3


async def test_binary_goes_both_ways(either: ApiCluster) -> None:
    client = await either.connect(0)
    data = {"picture": b"\x89PNG\x00\xff", "list": [b"", b"1"]}
    assert await client.command("upload", data) == data
    assert either.pods[0].said == [("upload", data)]


# --- callbacks


@ANYWHERE
async def test_a_session_is_asked_and_its_answer_comes_where_it_was_asked(either: ApiCluster, caller: int) -> None:
    client, pod = await either.connect(0), either.pods[caller]
    answers: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    async def answered(*arguments: Any) -> None:
        await answers.put(arguments)

    # The client answers with what it was asked.
    for arguments in ((), ("one",), ("two", {"a": 1}), (["three"], None, 3.5)):
        await pod.server.emit("question", arguments, to=client.sid, callback=answered)
        assert await asyncio.wait_for(answers.get(), PATIENCE_SECONDS) == arguments
        assert await pod.ask(client.sid, "question", arguments) == arguments
    await either.is_up_to_date(client)
    assert answers.empty()


@ANYWHERE
async def test_each_of_many_questions_gets_its_own_answer(either: ApiCluster, caller: int) -> None:
    clients, pod = [await either.connect(0), await either.connect(1)], either.pods[caller]
    answers = await asyncio.gather(*(pod.ask(clients[n % 2].sid, "question", n) for n in range(60)))
    assert answers == [(n,) for n in range(60)]


async def test_who_is_gone_does_not_answer(either: ApiCluster) -> None:
    gone, still_there = await either.connect(0), await either.connect(0)
    sid, answers = gone.sid, []
    await gone.close()
    await is_so(lambda: either.pods[0].left)
    for pod in either.pods:
        await pod.server.emit("question", to=sid, callback=lambda *answer: answers.append(answer))
        assert await pod.ask(still_there.sid, "question") == ()
    assert answers == []


@ANYWHERE
async def test_what_wants_an_answer_and_what_does_not_keep_their_order(either: ApiCluster, caller: int) -> None:
    client, server = await either.connect(0), either.pods[caller].server
    for n in range(20):
        await server.emit("asked", n, to=client.sid, callback=lambda *_: None)
        await server.emit("said", n, to=client.sid)
    await either.is_up_to_date(client)
    assert client.said == [said for n in range(20) for said in (("asked", n), ("said", n))]


# --- rooms


@ANYWHERE
async def test_a_session_enters_and_leaves_a_room_wherever_that_is_asked(either: ApiCluster, caller: int) -> None:
    client, server = await either.connect(0), either.pods[caller].server
    await server.enter_room(client.sid, "r")
    await server.emit("in", to="r")
    await client.wait_for_event("in")
    await server.leave_room(client.sid, "r")
    await server.emit("out", to="r")
    await either.is_up_to_date(client)
    await server.enter_room(client.sid, "r")
    await server.emit("in again", to="r")
    await either.is_up_to_date(client)
    assert client.said == ["in", "in again"]
    assert set(either.pods[0].server.rooms(client.sid)) == {client.sid, "r"}


@ANYWHERE
async def test_a_room_that_is_closed_has_no_members_on_any_pod(either: ApiCluster, caller: int) -> None:
    one, two, server = await either.connect(0), await either.connect(1), either.pods[caller].server
    await enters(either, one.sid, "r", "kept", pod=0)
    await enters(either, two.sid, "r", "kept", pod=1)
    await server.emit("open", to="r")
    await server.close_room("r")
    await server.emit("closed", to="r")
    await server.emit("still there", to="kept")
    await either.is_up_to_date(one, two)
    assert one.said == two.said == ["open", "still there"]
    for client, pod in ((one, 0), (two, 1)):
        assert set(either.pods[pod].server.rooms(client.sid)) == {client.sid, "kept"}


async def test_leaving_a_room_that_one_is_not_in_does_nothing(either: ApiCluster) -> None:
    client = await either.connect(0)
    for pod in either.pods:
        await pod.server.leave_room(client.sid, "never")
        await pod.server.leave_room("nobody", "never")
        await pod.server.close_room("never")
    await either.pods[0].server.emit("hello", to=client.sid)
    await client.is_told("hello")


async def test_nobody_enters_the_room_of_a_session(either: ApiCluster) -> None:
    one, two = await either.connect(0), await either.connect(0)
    with pytest.raises(ValueError, match="sid room"):
        await either.pods[0].server.enter_room(one.sid, two.sid)
    with pytest.raises(ValueError, match="sid room"):
        await either.pods[0].server.close_room(two.sid)


async def test_a_room_that_is_entered_in_the_connect_handler_is_entered(
    either: ApiCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = either.pods[1]

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        await pod.server.enter_room(sid, "from the start")

    monkeypatch.setitem(pod.server.handlers["/"], "connect", connect)
    client = await either.connect(1)
    await either.pods[0].server.emit("hello", to="from the start")
    await client.is_told("hello")


# --- disconnecting


@ANYWHERE
async def test_a_session_is_disconnected_wherever_that_is_asked(either: ApiCluster, caller: int) -> None:
    one, two, server = await either.connect(0), await either.connect(0), either.pods[caller].server
    sid = one.sid
    await enters(either, sid, "r", pod=0)
    await server.emit("last", to=sid)
    await server.disconnect(sid)
    await one.wait_for(lambda heard: heard.kind == "disconnect")
    await is_so(lambda: (sid, "server disconnect") in either.pods[0].left)
    await either.is_up_to_date(two)
    assert [heard.name for heard in one.heard if heard.kind == "event"] == ["last"]
    assert either.pods[0].server.rooms(sid) == []
    await server.disconnect(sid)
    await server.disconnect("nobody")
    assert len([left for left in either.pods[0].left if left[0] == sid]) == 1


# --- namespaces


@ANYWHERE
async def test_rooms_of_two_namespaces_have_nothing_to_do_with_each_other(either: ApiCluster, caller: int) -> None:
    client, server = await either.connect(0), either.pods[caller].server
    await enters(either, client.sid, "r", "/r", pod=0)
    await enters(either, client.chat_sid, "r", "chat only", pod=0, namespace=CHAT)
    await server.emit("default", to="r")
    await server.emit("chat", to="r", namespace=CHAT)
    await server.emit("slash", to="/r")
    await server.emit("nobody", to="chat only")
    await server.emit("nobody", to="/r", namespace=CHAT)
    await server.emit("chat only", to="chat only", namespace=CHAT)
    await server.emit("all of chat", namespace=CHAT)
    await server.emit("you in chat", to=client.chat_sid, namespace=CHAT)
    await server.emit("nobody", to=client.sid, namespace=CHAT)
    assert await either.pods[caller].ask(client.chat_sid, "q", 1, namespace=CHAT) == (1,)
    await either.is_up_to_date(client)
    assert client.said == ["default", "slash"]
    assert client.said_in_chat == ["chat", "chat only", "all of chat", "you in chat", ("q", 1)]


@ANYWHERE
async def test_a_session_leaves_one_namespace_and_stays_in_the_other(either: ApiCluster, caller: int) -> None:
    client, server = await either.connect(0), either.pods[caller].server
    sid = client.chat_sid
    await enters(either, client.sid, "r", pod=0)
    await server.enter_room(sid, "r", namespace=CHAT)
    await server.leave_room(sid, "r", namespace=CHAT)
    await server.enter_room(sid, "s", namespace=CHAT)
    await server.close_room("s", namespace=CHAT)
    await server.emit("nobody", to="r", namespace=CHAT)
    await server.emit("nobody", to="s", namespace=CHAT)
    await server.disconnect(sid, namespace=CHAT)
    await is_so(lambda: sid in {left for left, _ in either.pods[0].left})
    await server.emit("nobody", namespace=CHAT)
    await server.emit("hello", to="r")
    await either.is_up_to_date(client)
    assert (client.said, client.said_in_chat) == (["hello"], [])


# --- transports


async def test_text_reaches_websockets_and_polling_alike(either: ApiCluster) -> None:
    clients = [await either.connect(0, transports=[transport]) for transport in ("websocket", "polling")]
    for client in clients:
        await enters(either, client.sid, "r", pod=0)
    for n in range(5):
        await either.pods[1].server.emit("hello", n, to="r")
    for client in clients:
        await client.is_told(*(("hello", n) for n in range(5)))
