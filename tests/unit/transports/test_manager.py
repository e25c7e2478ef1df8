"""Rooms over a broker: who hears what, on whatever pod they are, and what stays when they have gone."""

import asyncio
import json
from collections.abc import Collection, MutableMapping
from typing import Any

import pytest

from realtime.broker.base import NOT_MEASURED, Publication
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.errors import RedisUnavailable
from realtime.transports.socketio import manager as manager_module
from realtime.transports.socketio.manager import broker_room
from unit.counts import count
from unit.transports.pods import Browser, SocketPod, settle

# -- who hears what -------------------------------------------------------------------------------------------------


async def test_what_is_published_into_a_room_reaches_its_members_on_all_pods(
    pod: SocketPod, other_pod: SocketPod
) -> None:
    here, there, stranger = await pod.enter("u-1"), await other_pod.enter("u-1"), await pod.enter("u-2")
    await pod.publish("user:u-1", packet=b'2["hello",{"n":1}]')
    assert here.hear() == there.hear() == [("hello", {"n": 1})]
    assert stranger.hear() == []


async def test_who_is_in_several_rooms_of_a_message_hears_it_once(pod: SocketPod, other_pod: SocketPod) -> None:
    both, one = await pod.enter("u-1"), await other_pod.enter("u-2")
    await both.command("subscribe:inventory")
    await both.command("subscribe:inventory", {"productIds": ["p-9"]})
    await one.command("subscribe:inventory", {"productIds": ["p-9"]})
    await pod.publish("inventory:updates", "product:p-9")
    assert (len(both.hear()), len(one.hear())) == (1, 1)


async def test_messages_keep_their_order(pod: SocketPod) -> None:
    browser = await pod.enter("u-1")
    for number in range(50):
        if number % 2:
            await pod.publish("user:u-1", packet=b'2["m",%d]' % number)
        else:
            await pod.server.emit("m", number, to="user:u-1")
    assert [data for _, data in browser.hear()] == list(range(50))


def late_seconds(pod: SocketPod) -> float:
    (family,) = pod.metrics.delivery_latency.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_sum"))


async def test_deliveries_are_counted_for_each_socket_and_their_lateness_once_for_all(pod: SocketPod) -> None:
    for _ in range(3):
        await pod.enter("u-1")
    await pod.publish("user:u-1", happened_seconds_ago=0.25)
    assert count(pod.metrics.deliveries) == 3
    assert late_seconds(pod) == 0.25


async def test_what_happens_in_the_future_is_not_late(pod: SocketPod) -> None:
    await pod.enter("u-1")
    await pod.publish("user:u-1", happened_seconds_ago=-60)
    assert late_seconds(pod) == 0
    assert (count(pod.metrics.deliveries), count(pod.metrics.future_timestamps)) == (1, 1)
    await pod.publish("user:u-1", happened_seconds_ago=60)
    assert count(pod.metrics.future_timestamps) == 1


async def test_how_late_a_message_by_rest_or_from_a_replay_is_is_not_measured(pod: SocketPod) -> None:
    await pod.enter("u-1")
    await pod.broker.publish_once([Publication(b'2["x"]', ("user:u-1",), NOT_MEASURED)])
    (family,) = pod.metrics.delivery_latency.collect()
    assert [sample.value for sample in family.samples if sample.name.endswith("_count")] == [0]
    assert (count(pod.metrics.deliveries), count(pod.metrics.future_timestamps)) == (1, 0)


async def test_a_message_that_was_traced_is_the_example_of_its_lateness(pod: SocketPod) -> None:
    await pod.enter("u-1")
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    for flags, seconds_ago in (("01", 0.2), ("00", 0.02)):
        at_ms = pod.clock.wall_ms() - int(seconds_ago * 1_000)
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-{flags}"
        await pod.broker.publish_once([Publication(b'2["x"]', ("user:u-1",), at_ms, traceparent=traceparent)])
    (family,) = pod.metrics.delivery_latency.collect()
    examples = {sample.labels["le"]: sample.exemplar.labels for sample in family.samples if sample.exemplar}
    assert examples == {"0.25": {"trace_id": trace_id}}


async def test_a_message_that_nobody_here_hears_is_not_counted(pod: SocketPod, other_pod: SocketPod) -> None:
    await other_pod.enter("u-1")
    await pod.publish("user:u-1")
    assert count(pod.metrics.deliveries) == 0


# -- emitting, as python-socketio offers it -------------------------------------------------------------------------


async def test_an_emit_reaches_a_room_on_all_pods(pod: SocketPod, other_pod: SocketPod) -> None:
    here, there = await pod.enter("u-1"), await other_pod.enter("u-1")
    await pod.server.emit("hello", {"n": 1}, to="user:u-1")
    await settle()
    assert here.hear() == there.hear() == [("hello", {"n": 1})]


async def test_an_emit_to_nobody_in_particular_reaches_everybody(pod: SocketPod, other_pod: SocketPod) -> None:
    browsers = [await pod.enter("u-1"), await other_pod.enter("u-2")]
    await other_pod.server.emit("hello")
    await settle()
    assert [browser.hear() for browser in browsers] == [[("hello", None)]] * 2


async def test_an_emit_reaches_one_session_wherever_it_is(pod: SocketPod, other_pod: SocketPod) -> None:
    here, there = await pod.enter("u-1"), await other_pod.enter("u-1")
    await pod.server.emit("to-you", 1, to=there.sid)
    await pod.server.emit("to-you", 2, to=here.sid)
    await settle()
    assert there.hear() == [("to-you", 1)]
    assert here.hear() == [("to-you", 2)]


async def test_an_emit_to_several_rooms_reaches_who_is_in_several_once(pod: SocketPod, other_pod: SocketPod) -> None:
    both, one = await pod.enter("u-1"), await other_pod.enter("u-2")
    await both.command("subscribe:orders")
    await pod.server.emit("hello", to=["user:u-1", "orders:u-1", "user:u-2"])
    await settle()
    assert (len(both.hear()), len(one.hear())) == (1, 1)


async def test_an_emit_leaves_out_whom_it_is_told_to(pod: SocketPod, other_pod: SocketPod) -> None:
    here, there, third = await pod.enter("u-1"), await other_pod.enter("u-1"), await other_pod.enter("u-1")
    await pod.server.emit("hello", to="user:u-1", skip_sid=there.sid)
    await pod.server.emit("again", to="user:u-1", skip_sid=[here.sid, there.sid])
    await settle()
    assert here.hear() == [("hello", None)]
    assert there.hear() == []
    assert third.hear() == [("hello", None), ("again", None)]


async def test_an_emit_that_stays_here_is_not_heard_elsewhere(pod: SocketPod, other_pod: SocketPod) -> None:
    here, there = await pod.enter("u-1"), await other_pod.enter("u-1")
    await pod.server.emit("hello", to="user:u-1", ignore_queue=True)
    await settle()
    assert (len(here.hear()), len(there.hear())) == (1, 0)


async def test_an_emit_may_be_binary(pod: SocketPod, other_pod: SocketPod) -> None:
    there = await other_pod.enter("u-1")
    await pod.server.emit("file", b"\x00\xff", to="user:u-1")
    await settle()
    assert there.hear_packets() == ['51-["file",{"_placeholder":true,"num":0}]', b"\x00\xff"]


@pytest.mark.parametrize("where", ["here", "there"])
async def test_a_session_can_be_asked_for_an_answer_wherever_it_is(
    pod: SocketPod, other_pod: SocketPod, where: str
) -> None:
    browser = await (pod if where == "here" else other_pod).enter("u-1")
    answers: list[tuple[Any, ...]] = []
    await pod.server.emit("question", "why?", to=browser.sid, callback=lambda *answer: answers.append(answer))
    await settle()
    (question,) = browser.hear_packets()
    ack_id = question[1 : question.index("[")]
    await browser.send(f'3{ack_id}["because",{{"n":1}}]')
    assert answers == [("because", {"n": 1})]
    await browser.send(f'3{ack_id}["once more"]')
    assert len(answers) == 1


@pytest.mark.parametrize("room", ["user:u-1", None, ["user:u-1", "user:u-2"]])
async def test_a_whole_room_cannot_be_asked(pod: SocketPod, room: Any) -> None:
    with pytest.raises(ValueError, match="one session only"):
        await pod.server.emit("question", to=room, callback=print)


async def test_answers_that_never_come_are_given_up_for_newer_ones(
    pod: SocketPod, other_pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "MAX_AWAITED_ACKS", 5)
    browser = await other_pod.enter("u-1")
    for _ in range(20):
        await pod.server.emit("question", to=browser.sid, callback=print)
    assert len(pod.manager._awaited_acks) == 5


# -- rooms ----------------------------------------------------------------------------------------------------------


class CountingBroker(MemoryBroker):
    """Notes what it is subscribed to."""

    def __init__(self, hub: MemoryHub, pod_id: str) -> None:
        super().__init__(hub, pod_id)
        self.calls: list[tuple[str, str]] = []

    async def subscribe(self, rooms: Collection[str]) -> None:
        self.calls += [("+", room) for room in rooms]
        await super().subscribe(rooms)

    def unsubscribe(self, rooms: Collection[str]) -> None:
        self.calls += [("-", room) for room in rooms]
        super().unsubscribe(rooms)


async def test_a_room_is_let_go_with_the_last_of_its_members(hub: MemoryHub) -> None:
    broker = CountingBroker(hub, "pod-aaaa")
    async with SocketPod(hub, "pod-aaaa", broker).running() as pod:
        first, second = await pod.enter("u-1"), await pod.enter("u-1")
        assert broker._rooms == {"user:u-1"}
        await first.leave()
        assert ("-", "user:u-1") not in broker.calls
        await second.leave()
        assert broker.calls[-1] == ("-", "user:u-1")
        assert broker._rooms == set()


async def test_a_session_is_put_into_a_room_from_whatever_pod(pod: SocketPod, other_pod: SocketPod) -> None:
    there = await other_pod.enter("u-1")
    await pod.server.enter_room(there.sid, "room")
    await settle()
    await pod.server.emit("hello", to="room")
    await settle()
    assert there.hear() == [("hello", None)]
    await pod.server.leave_room(there.sid, "room")
    await settle()
    await pod.server.emit("hello", to="room")
    await settle()
    assert there.hear() == []
    assert not other_pod.manager.has_members("room")


async def test_a_room_is_closed_on_all_pods(pod: SocketPod, other_pod: SocketPod) -> None:
    for one in (pod, other_pod):
        browser = await one.enter("u-1")
        await one.server.enter_room(browser.sid, "room")
    await pod.server.close_room("room")
    await settle()
    assert not pod.manager.has_members("room")
    assert not other_pod.manager.has_members("room")
    assert pod.manager.has_members("user:u-1")


async def test_a_session_knows_its_rooms(pod: SocketPod) -> None:
    browser = await pod.enter("u-1")
    await browser.command("subscribe:orders")
    assert set(pod.server.rooms(browser.sid)) == {browser.sid, "user:u-1", "orders:u-1"}
    assert pod.server.rooms("unknown") == []


@pytest.mark.parametrize("sid", ["unknown", "AAAAAAAAAAAAAAAA.pod-aaaa"])
async def test_who_is_not_there_enters_no_room(pod: SocketPod, sid: str) -> None:
    with pytest.raises(ValueError, match="not connected"):
        await pod.server.enter_room(sid, "room")
    assert not pod.manager.has_members("room")


async def test_a_session_that_has_gone_on_another_pod_is_no_reason_to_fail(
    pod: SocketPod, other_pod: SocketPod, logs: list[MutableMapping[str, Any]]
) -> None:
    there = await other_pod.enter("u-1")
    await there.leave()
    await pod.server.enter_room(there.sid, "room")
    await pod.server.leave_room(there.sid, "room")
    await pod.server.emit("hello", to=there.sid)
    await pod.server.emit("question", to=there.sid, callback=print)
    await pod.server.disconnect(there.sid)
    await settle()
    assert not [entry for entry in logs if entry["log_level"] == "error"]


async def test_a_room_that_the_broker_refuses_is_not_entered(hub: MemoryHub) -> None:
    class RefusingBroker(MemoryBroker):
        async def subscribe(self, rooms: Collection[str]) -> None:
            if "room" in rooms:
                raise RedisUnavailable("away")
            await super().subscribe(rooms)

    async with SocketPod(hub, "pod-aaaa", RefusingBroker(hub, "pod-aaaa")).running() as pod:
        browser = await pod.enter("u-1")
        with pytest.raises(RedisUnavailable):
            await pod.server.enter_room(browser.sid, "room")
        assert set(pod.server.rooms(browser.sid)) == {browser.sid, "user:u-1"}


async def test_many_rooms_are_one_subscription_and_all_or_none(hub: MemoryHub) -> None:
    asked: list[set[str]] = []

    class CountingBroker(MemoryBroker):
        async def subscribe(self, rooms: Collection[str]) -> None:
            asked.append(set(rooms))
            if "product:refused" in rooms:
                raise RedisUnavailable("away")
            await super().subscribe(rooms)

    async with SocketPod(hub, "pod-aaaa", CountingBroker(hub, "pod-aaaa")).running() as pod:
        browser = await pod.enter("u-1")
        products = [f"p-{number}" for number in range(150)]
        assert (await browser.command("subscribe:inventory", {"productIds": products}))["ok"]
        rooms = {f"product:{product}" for product in products}
        assert asked == [{"user:u-1"}, rooms]
        ack = await browser.command("subscribe:inventory", {"productIds": ["p-1", "new", "refused"]})
        assert ack["error"]["code"] == "redis_unavailable"
        assert set(pod.server.rooms(browser.sid)) == {browser.sid, "user:u-1", *rooms}


async def test_who_leaves_while_a_subscription_is_under_way_leaves_nothing_behind(
    hub: MemoryHub, logs: list[MutableMapping[str, Any]]
) -> None:
    may_go_on = asyncio.Event()

    class SlowBroker(MemoryBroker):
        async def subscribe(self, rooms: Collection[str]) -> None:
            if "product:a" in rooms:
                await may_go_on.wait()
            await super().subscribe(rooms)

    broker = SlowBroker(hub, "pod-aaaa")
    async with SocketPod(hub, "pod-aaaa", broker).running() as pod:
        browser = await pod.enter("u-1")
        packet = "27" + json.dumps(["subscribe:inventory", {"productIds": ["a", "b"]}])
        await browser.send(packet)
        await browser.leave()
        may_go_on.set()
        await settle()
        assert not pod.manager.has_members("product:a")
        assert not pod.manager.has_members("product:b")
        assert pod.manager.rooms == {}
        assert count(pod.metrics.bugs) == 0
        assert not [entry for entry in logs if entry["log_level"] == "error"]


@pytest.mark.parametrize(
    ("namespace", "room", "name"),
    [("/", "user:42", "user:42"), ("/chat", "user:42", "/chat#user:42"), ("/", "/chat#user:42", "/#/chat#user:42")],
)
def test_rooms_of_different_namespaces_have_different_names(namespace: str, room: str, name: str) -> None:
    assert broker_room(namespace, room) == name


# -- disconnecting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_where", ["here", "there"])
async def test_a_session_is_disconnected_from_whatever_pod(
    pod: SocketPod, other_pod: SocketPod, from_where: str
) -> None:
    browser = await pod.enter("u-1")
    await (pod if from_where == "here" else other_pod).server.disconnect(browser.sid)
    await settle()
    assert browser.hear_packets() == ["1"]
    assert (len(pod.sessions), pod.manager.rooms) == (0, {})


async def test_who_does_not_read_is_closed_and_costs_nobody_else(hub: MemoryHub) -> None:
    limits = {"message_max_bytes": 4_096, "waiting_conflate_bytes": 4_096, "waiting_max_bytes": 4_096}
    async with SocketPod(hub, "pod-aaaa", **limits).running() as pod:
        slow, quick = await pod.enter("u-1"), await pod.enter("u-1")
        heard = 0
        for _ in range(10):
            await pod.publish("user:u-1", packet=b'2["hello","%b"]' % (b"x" * 1_000))
            await settle()
            heard += len(quick.hear())
        assert not slow.is_connected
        assert [data["code"] for _, data in slow.hear()] == ["slow_client"]
        assert quick.is_connected
        assert heard == 10
        assert len(pod.sessions) == 1
        assert count(pod.metrics.disconnects, reason="slow client") == 1
        assert count(pod.metrics.slow_consumers_closed) == 1


async def test_what_waits_for_clients_is_counted_until_they_take_it(pod: SocketPod) -> None:
    slow, other = await pod.enter("u-1"), await pod.enter("u-2")
    assert await pod.engine.waiting_bytes() == 0
    await pod.publish("user:u-1", "user:u-2", packet=b'2["hello","%b"]' % (b"x" * 1_000))
    other.hear()
    assert 1_000 < await pod.engine.waiting_bytes() < 1_500
    slow.hear()
    assert await pod.engine.waiting_bytes() == 0


async def test_messages_that_are_replaced_for_a_slow_client_are_counted(hub: MemoryHub) -> None:
    limits = {"message_max_bytes": 4_096, "waiting_conflate_bytes": 1_024, "waiting_max_bytes": 65_536}
    async with SocketPod(hub, "pod-aaaa", **limits).running() as pod:
        await pod.enter("u-1")
        for _ in range(10):
            await pod.broker.publish_once([Publication(b'2["%b"]' % (b"x" * 900), ("user:u-1",), 0, "stock:p-9")])
            await settle()
        assert count(pod.metrics.conflations) == 8  # the first waits as it is, and the last


def what_is_kept(pod: SocketPod) -> dict[str, Any]:
    """Everything that a pod holds for its sockets, by name; what is empty is left out."""
    kept = {
        "namespaces": pod.manager._namespaces,
        "connections": pod.engine.connections,
        "strangers": pod.engine._strangers,
        "deadlines": [item for slot in pod.engine.wheel._slots for item in slot if item is not pod.engine],
        "what runs": pod.engine._tasks,
        "attempts": pod.server._attempts,
        "callbacks": pod.manager.callbacks,
        "awaited acks": pod.manager._awaited_acks,
        "pending connects": pod.manager.pending_connect,
        "pending disconnects": pod.manager.pending_disconnect,
        "Engine.IO ids": pod.manager.eio_to_sid,
        "environments": pod.server.environ,
        "binary packets": pod.server._binary_packet,
        "sessions": pod.sessions._by_id,
        "users": pod.sessions._by_user,
        "subscriptions": pod.broker._rooms,  # type: ignore[attr-defined]
    }
    return {name: value for name, value in kept.items() if value}


async def test_nothing_is_kept_of_who_has_gone(pod: SocketPod, other_pod: SocketPod) -> None:
    for number in range(100):
        browser = await pod.enter(f"u-{number}", "admin")
        await browser.command("subscribe:orders")
        await browser.command("subscribe:inventory", {"productIds": ["a", "b", f"p-{number}"]})
        await browser.command("subscribe:admin")
        await pod.server.emit("question", to=browser.sid, callback=print)
        if number % 2:
            await browser.send('51-["file",{"_placeholder":true,"num":0}]')
        assert what_is_kept(pod)
        if number % 3:
            await browser.leave()
        else:
            await other_pod.server.disconnect(browser.sid)
            await settle()
            await browser.leave()
    assert what_is_kept(pod) == {}
    assert what_is_kept(other_pod) == {}
    assert count(pod.metrics.disconnects) == 100


async def test_nothing_is_kept_of_who_was_not_let_in(pod: SocketPod) -> None:
    for _ in range(100):
        browser = Browser(pod)
        await browser.connect({"token": "a.b.c"})
        (refusal,) = browser.hear_packets()
        assert refusal.startswith("4{")
        await browser.leave()
    assert what_is_kept(pod) == {}


# -- signals --------------------------------------------------------------------------------------------------------


async def test_a_signal_that_cannot_be_read_is_left(pod: SocketPod, other_pod: SocketPod) -> None:
    browser = await pod.enter("u-1")
    await other_pod.broker.signal_pod(pod.id, b"\xff")
    await other_pod.server.emit("hello", to="user:u-1")
    await settle()
    assert browser.hear() == [("hello", None)]


async def test_a_signal_that_fails_is_a_bug_that_is_counted_and_the_next_is_carried_out(
    pod: SocketPod, other_pod: SocketPod, logs: list[MutableMapping[str, Any]]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    browser = await other_pod.enter("u-1")
    for callback in (fail, lambda *answer: answers.append(answer)):
        await pod.server.emit("question", to=browser.sid, callback=callback)
    await settle()
    answers: list[tuple[Any, ...]] = []
    for question in browser.hear_packets():
        await browser.send(f"3{question[1 : question.index('[')]}[1]")
    assert answers == [(1,)]
    assert count(pod.metrics.bugs, where="signal") == 1
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["signal_failed"]


async def test_signals_that_are_more_than_can_wait_are_dropped_and_counted(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "MAX_WAITING_TASKS", 3)
    pod = SocketPod(hub, "pod-aaaa")
    for _ in range(5):
        pod.manager.on_signal(b'{"kind":"disconnect","origin":"x","sid":"s","namespace":"/"}')
    assert count(pod.metrics.bugs, where="signal_queue_full") == 2
