"""A client that keeps its place, and asks for its rooms with it, is told each message once and loses no place."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from realtime.broker.base import Publication
from realtime.broker.place import Cursor
from realtime.gateway.returning import Return
from unit.gateway.gatehouse import ISSUER, Gatehouse


async def happens(gatehouse: Gatehouse, *packets: str, room: str = "orders:42") -> None:
    for packet in packets:
        await gatehouse.broker.publish_once([Publication(packet.encode(), (room,), 0)])


async def place(gatehouse: Gatehouse) -> str:
    await gatehouse.broker.until_told(Cursor([gatehouse.hub.up_to[0]]))
    return str(gatehouse.broker.told())


async def come_back(gatehouse: Gatehouse, session_id: str, since: str) -> dict[str, object]:
    """As docs/clients.md says: connect with the last place, then subscribe with it."""
    await gatehouse.connect(session_id, ISSUER.token("42"), Return(wants_places=True, cursor=Cursor.parse(since)))
    await gatehouse.gateway.welcome(session_id)
    return await gatehouse.say(session_id, "subscribe:orders", {"since": since})


def told(gatehouse: Gatehouse, session_id: str) -> list[str]:
    return [packet for to, packet, _ in gatehouse.attachment.told if to == session_id]


async def test_who_was_away_and_goes_by_places_is_told_its_orders_when_it_asks_for_them() -> None:
    async with Gatehouse().running() as gatehouse:
        await gatehouse.enter("first", "42")
        since = await place(gatehouse)
        gatehouse.gateway.disconnected("first", "client disconnect")
        await happens(gatehouse, "one", "two")
        answer = await come_back(gatehouse, "second", since)
        assert told(gatehouse, "second") == ["one", "two"]
        assert (answer["recovered"], answer["missed"]) == (True, 2)


@pytest.mark.parametrize("asks", ["with the welcome's place", "with none"])
async def test_who_brought_a_place_loses_none_of_its_orders_whatever_it_asks_for_them_with(asks: str) -> None:
    async with Gatehouse().running() as gatehouse:
        brought = await place(gatehouse)
        await happens(gatehouse, "one", "two")
        returning = Return(wants_places=True, cursor=Cursor.parse(brought))
        await gatehouse.connect("s", ISSUER.token("42"), returning)
        await gatehouse.gateway.welcome("s")
        later = await place(gatehouse)
        answer = await gatehouse.say("s", "subscribe:orders", {} if asks == "with none" else {"since": later})
        assert told(gatehouse, "s") == ["one", "two"]
        assert (answer["recovered"], answer["missed"]) == (True, 2)
        await gatehouse.say("s", "unsubscribe:orders", {})
        answer = await gatehouse.say("s", "subscribe:orders", {"since": later})
        assert (answer["recovered"], answer["missed"]) == (True, 0)


async def test_who_lost_its_session_is_told_its_orders_at_the_welcome_and_not_again() -> None:
    async with Gatehouse().running() as gatehouse:
        await gatehouse.enter("first", "42")
        since = await place(gatehouse)
        gatehouse.gateway.disconnected("first", "client disconnect")
        await happens(gatehouse, "one", "two")
        returning = Return(wants_places=True, pid="a-session-that-was", cursor=Cursor.parse(since))
        await gatehouse.connect("second", ISSUER.token("42"), returning)
        await gatehouse.gateway.welcome("second")
        assert told(gatehouse, "second") == ["one", "two"]
        answer = await gatehouse.say("second", "subscribe:orders", {"since": since})
        assert told(gatehouse, "second") == ["one", "two"]
        assert (answer["recovered"], answer["missed"]) == (True, 0)


async def test_after_a_gap_only_what_is_told_at_the_welcome_is_not_told_with_the_rooms() -> None:
    async with Gatehouse().running() as gatehouse, present(gatehouse):
        await gatehouse.enter("stays", "42")
        await happens(gatehouse, "long ago", "news", room="user:42")
        since = await place(gatehouse)
        gatehouse.hub.trimmed_up_to["user:42"] = gatehouse.hub.offset + 1
        await happens(gatehouse, "one")
        await gatehouse.connect("second", ISSUER.token("42"), Return(wants_places=True, cursor=Cursor.parse(since)))
        await gatehouse.gateway.welcome("second")
        assert gatehouse.attachment.sent[-1][2]["reason"] == "history_trimmed"
        assert told(gatehouse, "second") == []
        await gatehouse.say("second", "subscribe:orders", {"since": since})
        assert told(gatehouse, "second") == ["one"]


@pytest.mark.parametrize(("cursor", "reason"), [(None, "unknown_session"), ("gone:17", "history_lost")])
async def test_who_lost_its_session_is_told_when_what_came_to_the_user_is_lost_as_well(
    cursor: str | None, reason: str
) -> None:
    async with Gatehouse().running() as gatehouse:
        since = Cursor.parse(cursor or await place(gatehouse))
        returning = Return(wants_places=True, pid="a-session-that-was", cursor=since)
        await gatehouse.connect("one", ISSUER.token("42"), returning)
        await gatehouse.gateway.welcome("one")
        (_, _, welcome) = gatehouse.attachment.sent[-1]
        assert (welcome["recovered"], welcome["reason"]) == (False, reason)


@asynccontextmanager
async def present(gatehouse: Gatehouse) -> AsyncIterator[None]:
    """While the pod says which devices it has."""
    saying = asyncio.create_task(gatehouse.presence.run())
    await asyncio.sleep(0)
    yield
    saying.cancel()
    await asyncio.wait([saying])


async def test_what_was_not_told_at_the_welcome_is_told_with_the_rooms() -> None:
    async with Gatehouse().running() as gatehouse, present(gatehouse):
        await gatehouse.enter("stays", "42")  # so its user is not away, and only notifications are told at the welcome
        since = await place(gatehouse)
        await happens(gatehouse, "one")
        await happens(gatehouse, "news", room="user:42")
        answer = await come_back(gatehouse, "second", since)
        assert told(gatehouse, "second") == ["news", "one"]
        assert (answer["recovered"], answer["missed"]) == (True, 1)


async def test_what_only_another_device_was_told_comes_before_what_came_later() -> None:
    async with Gatehouse().running() as gatehouse:
        since = await place(gatehouse)
        await gatehouse.enter("other", "42")
        await gatehouse.broker.subscribe(["user:42"])
        await happens(gatehouse, "news", room="user:42")
        await happens(gatehouse, "one")
        await place(gatehouse)
        gatehouse.gateway.disconnected("other", "client disconnect")  # now its user is away, and has been told all this
        await happens(gatehouse, "two")
        answer = await come_back(gatehouse, "second", since)
        assert told(gatehouse, "second") == ["news", "one", "two"]
        assert (answer["recovered"], answer["missed"]) == (True, 2)


async def test_an_older_place_for_the_orders_brings_them_in_order() -> None:
    async with Gatehouse().running() as gatehouse:
        oldest = await place(gatehouse)
        await happens(gatehouse, "long ago")
        await gatehouse.enter("first", "42")
        since = await place(gatehouse)
        gatehouse.gateway.disconnected("first", "client disconnect")
        await happens(gatehouse, "one")
        cursor = Cursor.parse(since)
        await gatehouse.connect("second", ISSUER.token("42"), Return(wants_places=True, cursor=cursor))
        await gatehouse.gateway.welcome("second")
        await gatehouse.say("second", "subscribe:orders", {"since": oldest})
        assert told(gatehouse, "second") == ["long ago", "one"]


async def test_the_place_of_who_joins_more_rooms_stays_before_what_is_kept_meanwhile() -> None:
    async with Gatehouse().running() as gatehouse:
        await gatehouse.enter("one", "42")
        await gatehouse.broker.subscribe(["user:42"])
        since = await place(gatehouse)
        await happens(gatehouse, "order")
        joining = gatehouse.attachment.join

        async def join_while_news_come(session_id: str, rooms: Collection[str]) -> None:
            await joining(session_id, rooms)
            # Kept for the session; the pod has been told it, but not yet the client.
            await happens(gatehouse, "news", room="user:42")
            await gatehouse.broker.until_told(Cursor([gatehouse.hub.up_to[0]]))

        gatehouse.attachment.join = join_while_news_come  # type: ignore[method-assign]
        before = str(gatehouse.broker.told())
        await asyncio.wait_for(gatehouse.say("one", "subscribe:orders", {"since": since}), 1)
        assert [(packet, cursor) for _, packet, cursor in gatehouse.attachment.told] == [("order", before)]
