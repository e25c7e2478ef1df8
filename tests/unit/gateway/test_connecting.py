"""From connect to welcome, and to the end of a session."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from parts.waiting import eventually
from realtime.clock import iso_utc
from realtime.errors import Draining, LimitExceeded, RedisUnavailable, TokenExpired, Unauthenticated
from realtime.gateway import gateway
from realtime.protocol.disconnects import TOKEN_EXPIRED
from realtime.resilience.breaker import State
from unit.counts import count
from unit.gateway.gatehouse import ISSUER, LEEWAY_SECONDS, Gatehouse

# -- admission ------------------------------------------------------------------------------------------------------


async def test_who_brings_a_good_token_is_taken_in(house: Gatehouse) -> None:
    session = await house.connect("s-1", ISSUER.token("u-42", "buyer"))
    assert (session.user_id, session.identity.roles, set(session.rooms)) == ("u-42", {"buyer"}, {"user:u-42"})
    assert session.connected_at_ms == house.clock.wall_ms()
    assert house.sessions.get("s-1") is session
    assert count(house.metrics.connects, outcome="accepted") == 1


@pytest.mark.parametrize(
    ("token", "error"),
    [(None, Unauthenticated), ("a.b.c", Unauthenticated), (ISSUER.expired("u-42"), TokenExpired)],
)
async def test_who_is_not_believed_is_not_taken_in_and_is_counted(
    house: Gatehouse, token: str | None, error: type[Unauthenticated | TokenExpired]
) -> None:
    with pytest.raises(error):
        await house.connect("s-1", token)
    assert len(house.sessions) == 0
    assert count(house.metrics.connects, outcome=error.code) == 1
    assert count(house.metrics.connects, outcome="accepted") == 0


async def test_a_user_may_have_so_many_sessions_and_no_more() -> None:
    house = Gatehouse(sessions_per_user=2)
    for number in range(2):
        await house.connect(f"s-{number}", ISSUER.token("u-42"))
    with pytest.raises(LimitExceeded, match="A user may have 2 sessions here"):
        await house.connect("s-2", ISSUER.token("u-42"))
    await house.connect("s-3", ISSUER.token("u-43"))
    house.gateway.disconnected("s-0", "client disconnect")
    await house.connect("s-4", ISSUER.token("u-42"))
    assert count(house.metrics.connects, outcome="limit_exceeded") == 1


async def test_a_pod_holds_so_many_sessions_and_no_more() -> None:
    house = Gatehouse(sessions_per_pod=2)
    for number in range(2):
        await house.connect(f"s-{number}", ISSUER.token(f"u-{number}"))
    with pytest.raises(LimitExceeded, match="as many sessions as it may"):
        await house.connect("s-2", ISSUER.token("u-2"))


async def test_a_pod_that_is_leaving_takes_nobody_in(house: Gatehouse) -> None:
    house.sessions.is_draining = True
    with pytest.raises(Draining) as refused:
        await house.connect("s-1", ISSUER.token("u-42"))
    assert refused.value.retryable
    assert count(house.metrics.connects, outcome="draining") == 1


# -- welcome --------------------------------------------------------------------------------------------------------


async def test_a_welcome_joins_the_users_own_room_and_says_so(house: Gatehouse) -> None:
    await house.enter("s-1", "u-42")
    assert house.attachment.rooms_of("s-1") == {"user:u-42"}
    assert house.attachment.sent == [
        (
            "s-1",
            "connection:success",
            {
                "userId": "u-42",
                "socketId": "s-1",
                "rooms": ["user:u-42"],
                "recovered": False,
                "missed": 0,
                "offset": "memory:0",
                "serverTime": iso_utc(house.clock.wall_ms()),
            },
        )
    ]


async def test_admins_too_must_ask_for_the_dashboard(house: Gatehouse) -> None:
    await house.enter("s-1", "root", "admin")
    assert house.attachment.rooms_of("s-1") == {"user:root"}


async def test_without_the_broker_a_newcomer_is_sent_to_try_again(house: Gatehouse) -> None:
    house.attachment.refuses_to_join["user:u-42"] = RedisUnavailable("cannot subscribe")
    with pytest.raises(RedisUnavailable):
        await house.enter("s-1", "u-42")
    assert house.attachment.sent == []
    assert len(house.sessions) == 0
    assert count(house.metrics.connects, outcome="redis_unavailable") == 1


async def test_a_bug_on_the_way_in_is_an_outcome_of_ours(house: Gatehouse) -> None:
    house.attachment.refuses_to_join["user:u-42"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await house.enter("s-1", "u-42")
    assert count(house.metrics.connects, outcome="internal") == 1


async def test_a_broker_that_hangs_is_not_waited_for_without_end(house: Gatehouse) -> None:
    house.attachment.never_joins = True
    with pytest.raises(RedisUnavailable, match="in time"):
        await house.enter("s-1", "u-42")
    assert len(house.sessions) == 0


async def test_who_probes_whether_redis_is_back_does_not_first_wait_for_rooms(house: Gatehouse) -> None:
    async def fail() -> None:
        raise RedisUnavailable("connection refused")

    while house.redis.state is State.CLOSED:
        with pytest.raises(RedisUnavailable):
            await house.redis.call(fail)
    house.clock.advance(60)
    house.attachment.never_joins = True
    entering = asyncio.create_task(house.enter("s-1", "u-42"))
    await eventually(lambda: house.redis.state is State.CLOSED, 5, "everybody may ask again")
    with pytest.raises(RedisUnavailable, match="in time"):
        await entering


async def test_who_has_gone_already_is_not_welcomed(house: Gatehouse) -> None:
    await house.gateway.welcome("s-nobody")
    assert house.attachment.sent == []


# -- disconnecting --------------------------------------------------------------------------------------------------


async def test_a_session_that_ends_is_forgotten_and_counted_once(house: Gatehouse) -> None:
    await house.enter("s-1", "u-42")
    for _ in range(2):
        house.gateway.disconnected("s-1", "transport close")
    house.gateway.disconnected("s-nobody", "transport close")
    assert len(house.sessions) == house.sessions.user_count == 0
    assert count(house.metrics.disconnects, reason="transport close") == 1


async def test_one_of_a_users_sessions_ends_alone(house: Gatehouse) -> None:
    await house.enter("s-1", "u-42")
    second = await house.enter("s-2", "u-42")
    house.gateway.disconnected("s-1", "transport close")
    assert house.sessions.of_user("u-42") == [second]


# -- expiry ---------------------------------------------------------------------------------------------------------


class Watch:
    """The gateway's watch over expiries, which looks whenever it is told to."""

    def __init__(self, house: Gatehouse) -> None:
        self._house = house

    async def looks_after(self, seconds: float) -> None:
        """Let time pass, and the watch look twice at the least."""
        self._house.clock.advance(seconds)
        for _ in range(4):
            await asyncio.sleep(0)


@pytest.fixture
async def watch(house: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(gateway, "EXPIRY_CHECK_SECONDS", 0)
    return Watch(house)


@pytest.fixture
async def _watching(house: Gatehouse, watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(house.gateway.close_expired())
    yield
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.usefixtures("_watching")
async def test_a_session_ends_with_its_token(house: Gatehouse, watch: Watch) -> None:
    await house.enter("s-1", "u-42", expires_in_seconds=60)
    await watch.looks_after(60 + LEEWAY_SECONDS - 2)
    assert house.closings_of("s-1") == []
    await watch.looks_after(3)
    assert house.closings_of("s-1") == [TOKEN_EXPIRED]


@pytest.mark.usefixtures("_watching")
async def test_who_is_closed_with_its_token_is_asked_first_how_far_it_has_heard(house: Gatehouse, watch: Watch) -> None:
    session = await house.enter("s-1", "u-42", expires_in_seconds=60)
    await watch.looks_after(60 + LEEWAY_SECONDS + 1)
    house.attachment.heard["s-1"]()
    assert session.heard == house.broker.told_in("user:u-42")


@pytest.mark.usefixtures("_watching")
async def test_a_session_with_a_newer_token_stays_until_that_one_ends(house: Gatehouse, watch: Watch) -> None:
    await house.enter("s-1", "u-42", expires_in_seconds=60)
    await house.say("s-1", "auth:refresh", {"token": ISSUER.token("u-42", expires_in_seconds=3_600)})
    await watch.looks_after(600)
    assert house.closings_of("s-1") == []
    await watch.looks_after(3_600)
    assert house.closings_of("s-1") == [TOKEN_EXPIRED]


@pytest.mark.usefixtures("_watching")
async def test_a_session_whose_newer_token_ends_sooner_ends_sooner(house: Gatehouse, watch: Watch) -> None:
    await house.enter("s-1", "u-42", expires_in_seconds=3_600)
    await house.say("s-1", "auth:refresh", {"token": ISSUER.token("u-42", expires_in_seconds=60)})
    await watch.looks_after(600)
    assert house.closings_of("s-1") == [TOKEN_EXPIRED]


@pytest.mark.usefixtures("_watching")
async def test_a_session_with_several_tokens_is_closed_once(house: Gatehouse, watch: Watch) -> None:
    token = ISSUER.token("u-42", expires_in_seconds=60)
    await house.connect("s-1", token)
    for _ in range(3):
        await house.say("s-1", "auth:refresh", {"token": token})
    await watch.looks_after(600)
    assert house.closings_of("s-1") == [TOKEN_EXPIRED]


@pytest.mark.usefixtures("_watching")
async def test_who_has_left_is_not_closed_any_more(house: Gatehouse, watch: Watch) -> None:
    await house.enter("s-1", "u-42", expires_in_seconds=60)
    house.gateway.disconnected("s-1", "transport close")
    await watch.looks_after(600)
    assert house.attachment.closed == []
