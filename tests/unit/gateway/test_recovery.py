"""Whatever fails on the way back, nothing is lost, nothing stays behind, and the next try finds all of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from realtime.broker.base import Publication
from realtime.broker.place import Cursor, Place
from realtime.errors import LimitExceeded, RedisUnavailable, TooManyForNow
from realtime.gateway.returning import Return
from realtime.gateway.turns import Turns
from unit.counts import count
from unit.gateway.gatehouse import ISSUER, Gatehouse

TOKEN = ISSUER.token("u-42")
BREAKER_SECONDS = 60
STEPS = ["find", "join", "arrive", "missed", "until_told", "keep"]


async def publish(house: Gatehouse, *names: str, room: str = "user:u-42") -> None:
    packets = [b'2["%b",{}]' % name.encode() for name in names]
    await house.broker.publish_once([Publication(packet, (room,), house.clock.wall_ms()) for packet in packets])


def told(house: Gatehouse, session_id: str) -> list[str]:
    return [packet[3:-5] for told_id, packet, _ in house.attachment.told if told_id == session_id]


async def come(house: Gatehouse, session_id: str, returning: Return | None = None) -> list[str]:
    """Connect, be welcomed, and show that one has heard it; what was told."""
    await house.connect(session_id, TOKEN, returning)
    await house.gateway.welcome(session_id)
    house.attachment.heard.pop(session_id, lambda: None)()
    return told(house, session_id)


def returning(house: Gatehouse, session_id: str) -> Return:
    """What the client of a session brings along when it comes back."""
    session = house.sessions.get(session_id)
    assert session is not None
    return Return(wants_places=True, pid=session.pid, cursor=house.broker.told())


def step_of(house: Gatehouse, step: str) -> Any:
    owners = {"find": house.resumables, "keep": house.resumables, "join": house.attachment, "arrive": house.presence}
    return owners.get(step, house.broker)


def breaks_at(
    monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, *, after: bool, instead: Callable[[], Awaitable[None]]
) -> None:
    """Let one step fail, before or after it has done its work."""
    works = getattr(owner, step)

    async def fails(*arguments: Any) -> None:
        if after:
            await works(*arguments)
        await instead()

    monkeypatch.setattr(owner, step, fails)


async def redis_is_away() -> None:
    raise RedisUnavailable("cannot reach redis-7.internal")


async def redis_hangs() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("fails", [redis_is_away, redis_hangs])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_wherever_redis_fails_on_the_way_back_the_next_try_finds_all(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, step: str, after: bool, fails: Callable[[], Awaitable[None]]
) -> None:
    await come(house, "s-1", Return(wants_places=True))
    back = returning(house, "s-1")
    house.gateway.disconnected("s-1", "transport close")
    await publish(house, "a", "b")
    with monkeypatch.context() as patched:
        breaks_at(patched, step_of(house, step), step, after=after, instead=fails)
        for number in range(8):  # more than there are turns
            with pytest.raises(RedisUnavailable):
                await house.connect(f"s-failed-{number}", TOKEN, back)
    house.clock.advance(BREAKER_SECONDS)
    assert len(house.sessions) == 0
    assert await house.presence.devices("u-42") == []
    assert not any(kept.session.session_id.startswith("s-failed") for kept in house.resumables._kept.values())
    assert await come(house, "s-2", back) == ["a", "b"]
    session = house.sessions.get("s-2")
    assert session is not None
    assert (session.recovered, session.pid) == (True, back.pid)


@pytest.mark.parametrize("fails", [redis_is_away, redis_hangs])
@pytest.mark.parametrize("step", ["join", "arrive", "newest"])
async def test_wherever_redis_fails_what_waited_for_an_absent_user_waits_on(
    house: Gatehouse, monkeypatch: pytest.MonkeyPatch, step: str, fails: Callable[[], Awaitable[None]]
) -> None:
    await publish(house, "a", "b")
    with monkeypatch.context() as patched:
        breaks_at(patched, step_of(house, step), step, after=True, instead=fails)
        for number in range(3):
            with pytest.raises(RedisUnavailable):
                await house.connect(f"s-{number}", TOKEN)
    assert await come(house, "s-9") == ["a", "b"]
    assert await come(house, "s-10") == []


async def test_one_device_too_many_takes_nothing_from_the_others() -> None:
    async with Gatehouse(sessions_per_user=1).running() as house:
        await publish(house, "a")
        await house.connect("s-1", TOKEN)
        house.sessions.remove("s-1")  # it is on another pod, so to speak
        with pytest.raises(TooManyForNow) as refused:
            await house.connect("s-2", TOKEN)
        assert refused.value.retryable  # its pod may have died a moment ago
        assert [device.device_id for device in await house.presence.devices("u-42")] == ["s-1"]


async def test_a_session_that_is_taken_over_is_none_too_many() -> None:
    async with Gatehouse(sessions_per_user=2).running() as house:
        await house.connect("s-1", TOKEN)
        for where in ("here", "elsewhere"):
            await come(house, f"{where}-1", Return(wants_places=True))
            back = returning(house, f"{where}-1")
            if where == "elsewhere":
                house.sessions.remove(f"{where}-1")  # it is on another pod, so to speak
            session = await house.connect(f"{where}-2", TOKEN, back)
            assert session.recovered
            with pytest.raises(LimitExceeded):
                await house.connect("s-3", TOKEN)
            house.gateway.disconnected(f"{where}-1", "superseded")
            house.gateway.disconnected(f"{where}-2", "client disconnect")
            house.presence.leave(f"{where}-1", None)


async def test_a_newcomers_place_lies_before_what_came_while_it_was_taken_in(house: Gatehouse) -> None:
    await come(house, "another device")
    joining = house.attachment.join

    async def join_while_news_come(session_id: str, rooms: Collection[str]) -> None:
        await joining(session_id, rooms)
        await publish(house, "news")  # kept for it

    house.attachment.join = join_while_news_come  # type: ignore[method-assign]
    session = await house.connect("s-1", TOKEN, Return(wants_places=True))
    await house.gateway.welcome("s-1")
    assert session.pid is not None
    kept = await house.resumables.find(session.pid)
    assert kept is not None
    assert (house.attachment.places[-1], str(kept.rooms["user:u-42"])) == ("memory:0", "memory:0")
    assert house.hub.offset == 1


async def test_a_client_that_goes_before_its_welcome_is_owed_what_waited(house: Gatehouse) -> None:
    await publish(house, "a", "b")
    await house.connect("s-1", TOKEN)
    house.gateway.disconnected("s-1", "transport close")
    assert await come(house, "s-2") == ["a", "b"]


async def test_a_client_that_goes_while_it_is_told_is_owed_what_waited(house: Gatehouse) -> None:
    await publish(house, "a", "b")
    await house.connect("s-1", TOKEN)
    house.attachment.gone.add("s-1")
    await house.gateway.welcome("s-1")
    house.gateway.disconnected("s-1", "transport close")
    assert await come(house, "s-2") == ["a", "b"]


async def test_how_far_a_client_heard_that_fell_silent_is_not_overestimated(house: Gatehouse) -> None:
    await come(house, "s-1")
    await publish(house, "a", "b")
    house.gateway.disconnected("s-1", "ping timeout")
    assert await come(house, "s-2") == ["a", "b"]
    await publish(house, "c")
    house.gateway.disconnected("s-2", "client disconnect")
    assert await come(house, "s-3") == []


async def test_how_far_a_client_heard_that_we_close_is_only_what_it_has_shown(house: Gatehouse) -> None:
    await come(house, "s-1")
    await publish(house, "a")
    session = house.sessions.get("s-1")
    assert session is not None
    house.hearing.ask(session)
    house.gateway.disconnected("s-1", "server disconnect")  # it may have been in a tunnel
    assert await come(house, "s-2") == ["a"]
    await publish(house, "b")
    session = house.sessions.get("s-2")
    assert session is not None
    house.hearing.ask(session)
    house.attachment.heard.pop("s-2")()
    await publish(house, "c")
    house.gateway.disconnected("s-2", "server disconnect")
    assert await come(house, "s-3") == ["c"]


async def test_while_it_joins_a_room_a_client_has_heard_nothing_more(house: Gatehouse) -> None:
    await come(house, "s-1")
    house.attachment.gone.add("s-1")
    await house.say("s-1", "subscribe:orders", {"since": "memory:0"})
    await publish(house, "kept")
    house.gateway.disconnected("s-1", "transport close")
    assert await come(house, "s-2") == ["kept"]


async def test_who_was_idle_for_longer_than_histories_are_kept_goes_on_from_what_it_has_heard(house: Gatehouse) -> None:
    day = 86_400_000_000
    await come(house, "s-1", Return(wants_places=True))
    back = returning(house, "s-1")
    house.hub.offset += day  # offsets are microseconds: a day in which nobody said anything
    assert back.pid is not None
    await house.resumables.find(back.pid)  # its round
    house.gateway.disconnected("s-1", "ping timeout")
    house.hub.trimmed_up_to["user:u-42"] = day // 2  # nobody knows what was there before
    await publish(house, "a")
    assert await come(house, "s-2", back) == ["a"]
    session = house.sessions.get("s-2")
    assert session is not None
    assert session.recovered
    assert session.rooms["user:u-42"].offset == 0  # it has been in there all the time


async def test_what_it_was_told_a_moment_ago_is_not_taken_for_heard_by_who_comes_back(house: Gatehouse) -> None:
    await come(house, "s-1", Return(wants_places=True))
    back = returning(house, "s-1")
    assert back.pid is not None
    house.hub.offset += 3_600_000_000
    await publish(house, "stock", room="inventory:updates")
    await house.say("s-1", "subscribe:inventory", {"since": "memory:0"})
    kept = await house.resumables.find(back.pid)
    assert kept is not None
    assert kept.heard == ()
    house.hub.offset += 44_000_000
    assert (await house.resumables.find(back.pid)) == kept
    house.hub.offset += 2_000_000
    kept = await house.resumables.find(back.pid)
    assert kept is not None
    assert kept.heard == (Place("memory", house.hub.offset - 45_000_000),)


async def test_its_rooms_are_noted_for_a_client_that_may_return(house: Gatehouse) -> None:
    await come(house, "s-1", Return(wants_places=True))
    back = returning(house, "s-1")
    await house.say("s-1", "subscribe:orders")
    await house.say("s-1", "subscribe:inventory", {"since": "memory:0"})
    assert back.pid is not None
    kept = await house.resumables.find(back.pid)
    assert kept is not None
    assert kept.rooms.keys() == {"user:u-42", "orders:u-42", "inventory:updates"}
    await house.say("s-1", "unsubscribe:orders")
    kept = await house.resumables.find(back.pid)
    assert kept is not None
    assert kept.rooms.keys() == {"user:u-42", "inventory:updates"}


async def test_a_newer_token_with_fewer_roles_leaves_rooms_for_good(house: Gatehouse) -> None:
    admin = ISSUER.token("root", "admin")
    await house.connect("s-1", admin, Return(wants_places=True))
    await house.gateway.welcome("s-1")
    back = returning(house, "s-1")
    await house.say("s-1", "subscribe:admin")
    await house.say("s-1", "auth:refresh", {"token": ISSUER.token("root")})
    house.gateway.disconnected("s-1", "transport close")
    session = await house.connect("s-2", ISSUER.token("root"), back)
    assert session.recovered
    assert set(session.rooms) == {"user:root"}


async def test_more_than_may_be_missed_is_told_for_it_and_the_newest_come(house: Gatehouse) -> None:
    house.gateway._recovery._max_messages = 149
    await publish(house, *(f"m{number}" for number in range(150)))
    await house.connect("s-0", TOKEN)
    session = await house.connect("s-1", TOKEN, Return(cursor=Cursor.parse("memory:0")))
    assert session.catch_up is not None
    assert (session.recovered, session.catch_up.reason) == (False, "too_many_missed")
    assert len(session.catch_up.missed) == 100
    assert session.catch_up.has_more
    assert count(house.metrics.recoveries, outcome="too_many_missed") == 1


# -- turns ----------------------------------------------------------------------------------------------------------


async def test_who_is_sent_away_at_once_keeps_no_turn(house: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    back = Return(cursor=Cursor.parse("memory:0"))
    with monkeypatch.context() as patched:
        breaks_at(patched, house.presence, "arrive", after=False, instead=redis_is_away)
        async with asyncio.timeout(1):  # less than a turn may last
            for number in range(20):  # soon nobody is asked any more
                with pytest.raises(RedisUnavailable):
                    await house.connect(f"s-{number}", TOKEN, back)


async def test_so_many_have_their_turn_and_others_wait_for_theirs() -> None:
    turns = Turns(2, longest_seconds=60)
    first, _ = await turns.take(), await turns.take()
    waiting = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.end()
    first.end()
    third = await waiting
    another = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    assert not another.done()  # a turn ends once, however often it is said
    third.end()
    (await another).end()


async def test_who_waits_for_its_client_keeps_nobody_waiting_and_goes_on_before_who_only_begins() -> None:
    turns, order = Turns(1, longest_seconds=60), []
    slow, is_taken = await turns.take(), asyncio.Event()

    async def goes_on() -> None:
        async with slow.aside():
            await is_taken.wait()
        order.append("goes on")
        slow.end()

    async def begins() -> None:
        turn = await turns.take()
        order.append("begins")
        turn.end()

    going_on = asyncio.create_task(goes_on())
    await asyncio.sleep(0)
    other = await turns.take()
    beginning = asyncio.create_task(begins())
    await asyncio.sleep(0)
    is_taken.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == []
    other.end()
    await asyncio.gather(going_on, beginning)
    assert order == ["goes on", "begins"]


async def test_who_gives_up_waiting_for_a_turn_takes_none() -> None:
    turns = Turns(1, longest_seconds=60)
    turn = await turns.take()
    tasks = [asyncio.create_task(turns.take()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # while it waits
    await asyncio.sleep(0)
    turn.end()
    tasks[1].cancel()  # when it was just to begin
    await asyncio.wait(tasks[:2])
    async with asyncio.timeout(5):
        (await tasks[2]).end()
        (await turns.take()).end()


async def test_a_turn_that_lasts_too_long_keeps_nobody_waiting() -> None:
    turns = Turns(1, longest_seconds=0.01)
    slow = await turns.take()
    async with asyncio.timeout(5):
        other = await turns.take()
    slow.end()
    other.end()


def backlogs(house: Gatehouse) -> tuple[float, float]:
    """How many absent users have come, and how many messages had waited for all of them."""
    samples = {
        sample.name: sample.value for family in house.metrics.offline_backlog.collect() for sample in family.samples
    }
    return samples["realtime_offline_backlog_messages_count"], samples["realtime_offline_backlog_messages_sum"]


async def test_what_had_waited_for_an_absent_user_is_counted_with_the_first_device(house: Gatehouse) -> None:
    await come(house, "s-1")
    assert backlogs(house) == (1, 0)
    house.gateway.disconnected("s-1", "transport close")
    await publish(house, "a", "b", "c")
    assert await come(house, "s-2") == ["a", "b", "c"]
    assert backlogs(house) == (2, 3)
    await come(house, "s-3")  # the user is there: nothing has waited
    assert backlogs(house) == (2, 3)
