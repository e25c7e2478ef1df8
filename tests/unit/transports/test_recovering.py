"""Who comes back goes on where it broke off, whatever happens meanwhile: from its packets to the rooms' histories."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from parts.waiting import eventually
from realtime.broker.memory import MemoryHub
from realtime.gateway import recovery
from realtime.gateway.moving import Moving
from realtime.presence.base import Arrival, Device
from realtime.settings import DrainSettings, OfflineSettings, RecoverySettings
from realtime.transports.socketio import hold
from realtime.transports.socketio.local import TAKEN_CHECK_SECONDS
from unit.counts import count
from unit.transports.pods import ISSUER, Browser, SocketPod, settle

PIECE = 100
PING = "2"


@pytest.fixture
async def pod(hub: MemoryHub) -> AsyncIterator[SocketPod]:
    async with SocketPod(hub, "pod-aaaa", offline=OfflineSettings(max_messages=1_000)).running() as running:
        yield running


class Visitor:
    """A client that keeps what the stock client keeps: its `pid`, and the last argument of each message."""

    def __init__(self, pod: SocketPod, user_id: str = "u-1", *roles: str, **auth: Any) -> None:
        self.pod = pod
        self.auth = {"token": ISSUER.token(user_id, *roles), "recovery": True, **auth}
        self.browser = Browser(pod)
        self.told: list[Any] = []
        self.welcome: dict[str, Any] = {}
        self.pings = 0

    async def come(self) -> "Visitor":
        await self.browser.connect(self.auth)
        await self.hears_all()
        return self

    async def come_back(self, pod: SocketPod | None = None) -> "Visitor":
        """Come back as another connection; its own one may be there still."""
        again = Visitor(pod or self.pod)
        again.auth = self.auth
        return await again.come()

    def take(self) -> int:
        """Take what waits; how many packets that was."""
        self.pod.engine.flush()
        packets = self.browser.hear_packets()
        for packet in packets:
            if packet.startswith("0"):
                said = json.loads(packet[1:])
                self.recovered = said.get("pid") is not None and said.get("pid") == self.auth.get("pid")
                self.auth["pid"] = said.get("pid")
            elif packet.startswith("2["):
                name, data, *place = json.loads(packet[1:])
                if place:
                    self.auth["offset"] = place[0]
                if name == "connection:success":
                    self.welcome = data
                else:
                    self.told.append(data)
            else:
                self.pings += packet == ""
        return len(packets)

    async def hears_all(self) -> None:
        """Take what waits until nothing more comes, as a client does that polls again and again."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(1.5 * TAKEN_CHECK_SECONDS)
            quiet = 0 if self.take() else quiet + 1

    def pong(self) -> None:
        self.browser.connection.receive("3")

    async def vanish(self) -> None:
        """Go without a word, and let the pod notice."""
        before = len(self.pod.sessions)
        await self.browser.leave()
        await eventually(lambda: len(self.pod.sessions) < before, 5, "the pod notices")


async def say(pod: SocketPod, first: int, last: int, *rooms: str) -> list[int]:
    """Publish numbers, both included."""
    numbers = list(range(first, last + 1))
    for number in numbers:
        await pod.publish(*(rooms or ("user:u-1",)), packet=b'2["n",%d]' % number)
    await settle()
    return numbers


# -- coming back ----------------------------------------------------------------------------------------------------


async def test_a_client_goes_on_where_it_broke_off_on_another_pod(pod: SocketPod, other_pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    await client.browser.command("subscribe:orders")
    await say(pod, 1, 3)
    await client.hears_all()
    await client.vanish()
    await say(pod, 4, 5)
    await say(pod, 6, 7, "orders:u-1")
    again = await client.come_back(other_pod)
    assert again.recovered
    assert again.told == [4, 5, 6, 7]
    assert again.welcome["rooms"] == ["orders:u-1", "user:u-1"]
    assert (again.welcome["recovered"], again.welcome["missed"]) == (True, 4)
    await say(pod, 8, 8, "orders:u-1")
    await again.hears_all()
    assert again.told[4:] == [8]


async def test_it_comes_back_before_its_old_connection_was_noticed(pod: SocketPod, other_pod: SocketPod) -> None:
    old = await Visitor(pod).come()
    await say(pod, 1, 2)
    again = await old.come_back(other_pod)
    assert (again.recovered, again.told) == (True, [1, 2])
    await settle()
    assert not old.browser.is_connected
    await say(pod, 3, 3)
    await again.hears_all()
    assert again.told == [1, 2, 3]


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_the_old_connection_is_closed_in_a_way_that_a_living_client_comes_back_from(
    pod: SocketPod, other_pod: SocketPod, is_elsewhere: bool
) -> None:
    old = await Visitor(pod).come()
    await old.come_back(other_pod if is_elsewhere else pod)
    await settle()
    assert not old.browser.is_connected
    assert "1" not in old.browser.hear_packets()  # a DISCONNECT packet: a stock client would stay away


async def test_a_connection_whose_client_has_gone_takes_no_session_over(pod: SocketPod, hub: MemoryHub) -> None:
    client = await Visitor(pod).come()
    abandoned = Browser(pod)
    abandoned.send_now("0" + json.dumps(client.auth))
    abandoned.connection.connection_lost(None)
    await settle()
    assert client.browser.is_connected
    await say(pod, 1, 1)
    await client.hears_all()
    assert client.told == [1]


async def test_it_comes_back_again_and_again_and_hears_each_once(pod: SocketPod, other_pod: SocketPod) -> None:
    client, heard = await Visitor(pod).come(), []
    for number in range(1, 7):
        await say(pod, number, number)
        client = await client.come_back(other_pod if number % 2 else pod)
        assert client.recovered
        heard += client.told
    assert heard == [1, 2, 3, 4, 5, 6]


async def test_two_tabs_come_back_each_to_its_own(pod: SocketPod) -> None:
    one, other = await Visitor(pod).come(), await Visitor(pod).come()
    await other.browser.command("subscribe:orders")
    await one.vanish()
    await say(pod, 1, 1)
    await other.hears_all()
    await other.vanish()
    await say(pod, 2, 2)
    first, second = await one.come_back(), await other.come_back()
    assert (first.told, second.told) == ([1, 2], [2])
    assert first.welcome["rooms"] == ["user:u-1"]
    assert second.welcome["rooms"] == ["orders:u-1", "user:u-1"]


async def test_the_session_of_another_user_is_an_unknown_one(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    await say(pod, 1, 1)
    thief = await Visitor(pod, "u-2", pid=client.auth["pid"], offset=client.auth["offset"]).come()
    assert (thief.welcome["recovered"], thief.welcome["reason"]) == (False, "unknown_session")
    assert thief.welcome["rooms"] == ["user:u-2"]
    assert thief.told == []
    assert client.browser.is_connected


async def test_who_may_no_longer_be_in_a_room_does_not_get_back_into_it(pod: SocketPod) -> None:
    client = await Visitor(pod, "u-1", "admin").come()
    await client.browser.command("subscribe:admin")
    await client.vanish()
    await say(pod, 1, 1, "admin:dashboard")
    await say(pod, 2, 2)
    client.auth["token"] = ISSUER.token("u-1")
    again = await client.come_back()
    assert (again.recovered, again.welcome["reason"]) == (False, "forbidden_room")
    assert again.welcome["rooms"] == ["user:u-1"]
    assert again.told == [2]


@pytest.mark.parametrize(
    ("offset", "recovered", "told"),
    [
        ("memory:0", True, [1, 2]),
        ("memory:1", True, [2]),
        ("memory:9007199254740991", True, []),
        ("other:1,memory:1", True, [2]),
        ("memory:1,memory:0", True, [2]),
        ("other:1", False, [1, 2]),
    ],
)
async def test_an_offset_that_is_made_up_harms_nobody_else(
    pod: SocketPod, offset: str, recovered: bool, told: list[int]
) -> None:
    await Visitor(pod).come()  # another device, which has heard all
    await say(pod, 1, 2)
    client = await Visitor(pod, offset=offset, recovery=False).come()
    assert (client.welcome["recovered"], client.told) == (recovered, told)
    await say(pod, 3, 3)
    await client.hears_all()
    assert client.told[-1] == 3


# -- while it is being told -----------------------------------------------------------------------------------------


async def test_what_comes_meanwhile_comes_behind_what_was_missed(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    await client.vanish()
    missed = await say(pod, 1, 3 * PIECE)
    again = Visitor(pod)
    again.auth = client.auth
    await again.browser.connect(again.auth)
    meanwhile = await say(pod, 3 * PIECE + 1, 5 * PIECE)  # it has taken nothing yet
    await again.hears_all()
    assert again.told == missed + meanwhile
    assert again.welcome["missed"] == len(missed)


async def test_who_vanishes_at_its_first_word_is_told_what_came_as_it_was_taken_in(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Visitor(pod).come()  # another device, which hears all
    arrive = pod.presence.arrive

    async def arrive_while_news_come(device: Device) -> Arrival:
        arrival = await arrive(device)
        await say(pod, 1, 1)
        return arrival

    client = Visitor(pod)
    with monkeypatch.context() as patched:
        patched.setattr(pod.presence, "arrive", arrive_while_news_come)
        await client.browser.connect(client.auth)
        await settle()
    (connected, *lost) = client.browser.hear_packets()
    assert len(lost) == 2  # the welcome, and what came
    client.auth["pid"] = json.loads(connected[1:])["pid"]
    await client.vanish()
    again = await client.come_back()
    assert (again.recovered, again.told) == (True, [1])


async def test_who_vanishes_while_it_is_told_is_owed_all_of_it(pod: SocketPod, other_pod: SocketPod) -> None:
    owed = await say(pod, 1, 3 * PIECE)
    client = Visitor(pod, recovery=False)
    await client.browser.connect(client.auth)
    client.take()
    assert 0 < len(client.told) < len(owed)
    await client.vanish()
    later = await say(pod, 3 * PIECE + 1, 3 * PIECE + 2)
    again = await Visitor(pod, recovery=False).come()
    assert again.told == owed + later


async def test_what_was_owed_is_owed_until_the_client_shows_that_it_has_heard_it(pod: SocketPod) -> None:
    owed = await say(pod, 1, 3)
    first = await Visitor(pod, recovery=False).come()
    assert first.told == owed
    await first.vanish()  # all is written, but nobody knows how far it came
    second = await Visitor(pod, recovery=False).come()
    assert second.told == owed
    assert second.pings == 1
    second.pong()
    await second.vanish()
    third = await Visitor(pod, recovery=False).come()
    assert (third.told, third.welcome["missed"]) == ([], 0)


async def test_who_is_silent_when_its_pod_closes_it_has_not_heard_what_came_last(
    pod: SocketPod, other_pod: SocketPod
) -> None:
    silent, lively = await Visitor(pod, recovery=False).come(), await Visitor(pod, "u-2", recovery=False).come()
    await say(pod, 1, 1)
    await say(pod, 1, 1, "user:u-2")
    silent.take()
    drain = DrainSettings(wave_interval_seconds=0.2)
    moving = Moving(pod.sessions, pod.attachment, pod.hearing, drain, pod.metrics)
    leaving = asyncio.create_task(moving.move_all(60))
    await eventually(lambda: lively.take() >= 0 and lively.pings > 0, 5, "it is asked")
    lively.pong()
    await leaving
    assert (await Visitor(other_pod, recovery=False).come()).told == [1]
    assert (await Visitor(other_pod, "u-2", recovery=False).come()).told == []


async def test_the_answer_to_an_earlier_ping_shows_nothing(pod: SocketPod) -> None:
    owed = await say(pod, 1, 3)
    client = Visitor(pod, recovery=False)
    client.browser.connection.ping()
    await client.come()
    assert client.told == owed
    client.pong()
    await client.vanish()
    again = await Visitor(pod, recovery=False).come()
    assert again.told == owed
    again.pong()
    assert (await Visitor(pod, recovery=False).come()).told == []


async def test_of_several_devices_that_come_at_once_one_is_told_what_was_owed(
    pod: SocketPod, other_pod: SocketPod
) -> None:
    await say(pod, 1, 5)
    devices = [Visitor(where, recovery=False) for where in (pod, other_pod, pod, other_pod)]
    await asyncio.gather(*(device.come() for device in devices))
    assert sorted(len(device.told) for device in devices) == [0, 0, 0, 5]
    await say(pod, 6, 6)
    for device in devices:
        await device.hears_all()
        assert device.told[-1] == 6


async def test_of_more_than_is_kept_meanwhile_nothing_is_told_and_the_client_comes_back(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "MAX_HELD", 10)
    owed = await say(pod, 1, 2 * PIECE)
    client = Visitor(pod, recovery=False)
    await client.browser.connect(client.auth)
    later = await say(pod, 2 * PIECE + 1, 2 * PIECE + 11)
    await client.hears_all()
    assert [said for said in client.told if isinstance(said, int)] == owed
    assert client.told[-1]["code"] == "try_again"
    assert not client.browser.is_connected
    assert (await Visitor(pod, recovery=False).come()).told == owed + later


async def test_who_takes_nothing_is_closed_in_the_end(hub: MemoryHub) -> None:
    async with SocketPod(hub, "pod-slow", ping_timeout_seconds=0.05).running() as pod:
        await say(pod, 1, 50)
        client = Visitor(pod, recovery=False)
        await client.browser.connect(client.auth)
        await eventually(lambda: not client.browser.is_connected and not len(pod.sessions), 5, "the pod closes it")
        assert len((await Visitor(pod, recovery=False).come()).told) == 50


# -- several rooms --------------------------------------------------------------------------------------------------

BOTH = ("inventory:updates", "product:a")


async def test_a_message_to_two_rooms_comes_once_whatever_the_client_was_doing(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    await client.browser.command("subscribe:inventory")
    await client.browser.command("subscribe:inventory", {"productIds": ["a"]})
    await say(pod, 1, 1, *BOTH)
    await client.hears_all()
    await client.vanish()
    await say(pod, 2, 2, *BOTH)
    again = Visitor(pod)
    again.auth = client.auth
    await again.browser.connect(again.auth)
    await say(pod, 3, 3, *BOTH)  # it is still being told
    await again.hears_all()
    await say(pod, 4, 4, *BOTH)
    await again.hears_all()
    assert client.told == [1]
    assert again.told == [2, 3, 4]


async def test_who_joins_a_room_later_hears_what_it_could_not_hear_in_another(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    start = client.auth["offset"]
    await say(pod, 1, 1, *BOTH)  # it is in none of them yet
    await client.browser.command("subscribe:inventory")
    await say(pod, 2, 2, *BOTH)
    await client.hears_all()
    assert client.told == [2]
    await client.browser.send("29" + json.dumps(["subscribe:inventory", {"productIds": ["a"], "since": start}]))
    await client.hears_all()
    assert client.told == [2, 1]


async def test_what_was_told_on_joining_is_not_told_again_by_another_room(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    start = client.auth["offset"]
    await say(pod, 1, 2, *BOTH)
    for number, payload in enumerate(({}, {"productIds": ["a"]})):
        await client.browser.send(f"2{number}" + json.dumps(["subscribe:inventory", {**payload, "since": start}]))
        await client.hears_all()
    assert client.told == [1, 2]


@pytest.mark.parametrize("first", [0, 1], ids=["all, then one", "one, then all"])
async def test_what_one_room_told_is_not_told_again_by_another_that_is_asked_for(pod: SocketPod, first: int) -> None:
    client = await Visitor(pod).come()
    start = client.auth["offset"]
    asks = ({}, {"productIds": ["a"]})
    await client.browser.command("subscribe:inventory", asks[first])
    await say(pod, 1, 2, *BOTH)
    await client.hears_all()
    await client.browser.send("29" + json.dumps(["subscribe:inventory", {**asks[1 - first], "since": start}]))
    await say(pod, 3, 3, *BOTH)
    await client.hears_all()
    assert client.told == [1, 2, 3]


@pytest.mark.parametrize("first", [0, 1], ids=["all, then one", "one, then all"])
async def test_what_comes_while_a_second_of_its_rooms_is_joined_comes_once(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    client = await Visitor(pod).come()
    asks = ({}, {"productIds": ["a"]})
    await client.browser.command("subscribe:inventory", asks[first])
    subscribe = pod.broker.subscribe

    async def subscribe_late(rooms: Collection[str]) -> None:
        await say(pod, 1, 1, *BOTH)
        await subscribe(rooms)
        await say(pod, 2, 2, *BOTH)

    monkeypatch.setattr(pod.broker, "subscribe", subscribe_late)
    await client.browser.send("29" + json.dumps(["subscribe:inventory", asks[1 - first]]))
    await eventually(lambda: client.browser.connection.is_answered, 5, "it is answered")
    await say(pod, 3, 3, *BOTH)
    await client.hears_all()
    assert client.told == [1, 2, 3]


async def test_rooms_that_it_could_not_go_on_in_are_not_heard_meanwhile(pod: SocketPod, hub: MemoryHub) -> None:
    client = await Visitor(pod).come()
    await client.browser.command("subscribe:inventory")
    await client.vanish()
    hub.trimmed_up_to["inventory:updates"] = 1_000  # of what it missed there, something is gone
    await say(pod, 1, 2 * PIECE)
    again = Visitor(pod)
    again.auth = client.auth
    await again.browser.connect(again.auth)
    await say(pod, 0, 0, "inventory:updates")
    await again.hears_all()
    assert (again.welcome["recovered"], again.welcome["reason"]) == (False, "history_trimmed")
    assert again.told == list(range(1, 2 * PIECE + 1))
    assert again.welcome["rooms"] == ["user:u-1"]


async def test_who_vanishes_while_it_joins_a_room_joins_it_anew_when_it_is_back(pod: SocketPod) -> None:
    client = await Visitor(pod).come()
    start = client.auth["offset"]
    missed = await say(pod, 1, 2 * PIECE, "inventory:updates")
    await client.browser.send("29" + json.dumps(["subscribe:inventory", {"since": start}]))
    client.take()
    assert 0 < len(client.told) < len(missed)
    await client.vanish()
    again = await client.come_back()
    assert again.recovered
    assert again.welcome["rooms"] == ["user:u-1"]
    await again.browser.send("29" + json.dumps(["subscribe:inventory", {"since": start}]))
    await again.hears_all()
    assert again.told == missed


async def test_who_goes_while_something_waits_for_it_has_not_heard_that(pod: SocketPod) -> None:
    client = await Visitor(pod, recovery=False).come()
    await say(pod, 1, 3)  # nobody fetches it
    await client.vanish()
    assert count(pod.metrics.disconnects, reason="transport error") == 1
    assert (await Visitor(pod, recovery=False).come()).told == [1, 2, 3]


# -- when many come back at once ------------------------------------------------------------------------------------


async def test_who_waits_for_a_turn_is_not_taken_for_one_who_says_nothing(hub: MemoryHub) -> None:
    seconds = 0.01
    recovery = RecoverySettings(concurrent_max=1)
    async with SocketPod(hub, "pod-busy", recovery=recovery, connect_timeout_seconds=seconds).running() as pod:
        await Visitor(pod).come()
        await say(pod, 1, 2)
        turn = await pod.gateway._recovery._turns.take()
        waiting, silent = Visitor(pod, offset="memory:0"), Browser(pod)
        await waiting.browser.connect(waiting.auth)
        await asyncio.sleep(2 * seconds)
        pod.engine.on_due()
        await settle()
        assert (waiting.browser.is_connected, silent.is_connected) == (True, False)
        turn.end()
        await waiting.hears_all()
        assert waiting.told == [1, 2]


async def test_many_that_take_nothing_hold_up_nobody_who_comes_back(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LONGEST_TURN_SECONDS", 600)
    async with SocketPod(hub, "pod-busy").running() as pod:
        slow = [Visitor(pod, f"slow-{number}", offset="memory:0") for number in range(50)]
        for number in range(50):
            await say(pod, 1, 2, f"user:slow-{number}")
        for client in slow:
            await client.browser.connect(client.auth)
        missed = await say(pod, 1, 3 * PIECE)
        again = Visitor(pod, offset="memory:0")
        await again.browser.connect(again.auth)
        async with asyncio.timeout(30):
            while len(again.told) < len(missed):
                await again.hears_all()
        assert again.told == missed
        assert all(client.browser.is_connected for client in slow)
        assert len(pod.gateway._recovery._turns._waiting) == 0
        for client in slow:
            await client.hears_all()
            assert client.told == [1, 2]


async def test_who_has_gone_while_it_waited_for_a_turn_takes_none(hub: MemoryHub) -> None:
    async with SocketPod(hub, "pod-busy", recovery=RecoverySettings(concurrent_max=1)).running() as pod:
        turn = await pod.gateway._recovery._turns.take()
        gone = Visitor(pod, offset="memory:0")
        await gone.browser.connect(gone.auth)
        await gone.browser.leave()
        turn.end()
        await eventually(lambda: not len(pod.sessions), 5, "it is forgotten")
        assert await pod.presence.devices("u-1") == []
        await say(pod, 1, 1)
        assert (await Visitor(pod, offset="memory:0").come()).told == [1]


async def test_members_of_a_room_that_lost_messages_are_sent_away_and_told_so_when_they_are_back(
    pod: SocketPod, hub: MemoryHub
) -> None:
    client, other = await Visitor(pod).come(), await Visitor(pod, "u-2").come()
    hub.trimmed_up_to["user:u-1"] = 1_000
    pod.manager.on_gap(["user:u-1"])
    assert (client.browser.is_connected, other.browser.is_connected) == (False, True)
    await eventually(lambda: count(pod.metrics.disconnects, reason="history gap") == 1, 5, "it is counted")
    again = await client.come_back()
    assert (again.welcome["recovered"], again.welcome["reason"]) == (False, "history_trimmed")
