"""All sessions of a pod: nothing of them stays when they have gone."""

import asyncio
import math

from realtime.gateway.session import Session
from realtime.gateway.sessions import MAX_STALE_EXPIRIES, Sessions
from realtime.gateway.tokens import Identity
from realtime.limits.bucket import TokenBucket
from realtime.settings import LimitSettings
from unit.fakes import NOON_MS


def make_session(session_id: str, user_id: str = "u-42", expires_at: float = math.inf) -> Session:
    return Session(session_id, Identity(user_id, expires_at=expires_at), NOON_MS, TokenBucket(1, 1, 0))


def make_sessions() -> Sessions:
    return Sessions(LimitSettings())


def test_a_users_sessions_are_found_the_oldest_first() -> None:
    sessions, made = make_sessions(), [make_session(f"s-{number}") for number in range(3)]
    for session in made:
        sessions.admit(session)
    sessions.admit(make_session("s-other", "u-43"))
    assert sessions.of_user("u-42") == made
    assert sessions.of_user("nobody") == []
    assert (len(sessions), sessions.user_count) == (4, 2)


def test_sessions_may_leave_while_one_walks_through_them() -> None:
    sessions = make_sessions()
    for number in range(3):
        sessions.admit(make_session(f"s-{number}"))
    for session in sessions:
        sessions.remove(session.id)
    assert len(sessions) == 0


def test_a_session_expires_when_its_token_does_and_once() -> None:
    sessions = make_sessions()
    early, late = make_session("s-1", expires_at=100), make_session("s-2", expires_at=200)
    for session in (late, early):
        sessions.admit(session)
    assert sessions.expired(99.9) == []
    assert sessions.expired(100) == [early]
    assert sessions.expired(150) == []
    assert sessions.expired(1_000) == [late]


def test_sessions_that_come_and_go_leave_nothing_behind() -> None:
    sessions = make_sessions()
    for number in range(5 * MAX_STALE_EXPIRIES):
        sessions.admit(make_session(f"s-{number}", f"u-{number}"))
        sessions.remove(f"s-{number}")
    assert (sessions._by_id, sessions._by_user) == ({}, {})
    assert len(sessions._expiries) <= MAX_STALE_EXPIRIES


def test_a_session_that_refreshes_without_end_takes_no_more_memory() -> None:
    sessions, session = make_sessions(), make_session("s-1", expires_at=1_000)
    sessions.admit(session)
    for number in range(5 * MAX_STALE_EXPIRIES):
        session.identity = Identity("u-42", expires_at=1_000 + number)
        sessions.watch_expiry(session)
    assert len(sessions._expiries) <= MAX_STALE_EXPIRIES + 2
    assert sessions.expired(1_000) == []
    assert sessions.expired(1_000_000) == [session]


async def test_one_can_wait_until_the_last_has_gone() -> None:
    sessions = make_sessions()
    for number in range(2):
        sessions.admit(make_session(f"s-{number}"))
    waiting = asyncio.create_task(sessions.until_empty())
    for number in range(2):
        await asyncio.sleep(0)
        assert not waiting.done()
        sessions.remove(f"s-{number}")
    await asyncio.wait_for(waiting, 1)


async def test_where_nobody_is_nobody_is_waited_for() -> None:
    await asyncio.wait_for(make_sessions().until_empty(), 1)
