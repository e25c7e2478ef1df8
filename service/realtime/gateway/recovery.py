"""How a client goes on where it broke off: what it missed, once, in order, before anything newer.

While a session is held, what its rooms say is kept for it. So it can be in its rooms first, then be told from their
histories what came before, and then what was kept; between the two nothing is lost, and what is in both is told once.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from realtime.broker.base import Broker, Gap, Missed
from realtime.broker.place import Cursor, Place, Places
from realtime.clock import iso_utc
from realtime.errors import RedisUnavailable, TooManyForNow
from realtime.gateway.access import may_hear
from realtime.gateway.attachment import Attachment
from realtime.gateway.hearing import Hearing
from realtime.gateway.places import each_once, earlier, has_heard, just_before, own_rooms, place_of, what_to_read
from realtime.gateway.returning import PROBLEMS, Return
from realtime.gateway.session import CatchUp, Session
from realtime.gateway.turns import Turns
from realtime.presence.base import Device, Presence
from realtime.protocol.rooms import may_share_messages, orders_room, user_room
from realtime.resumption.base import ResumableSession, ResumableSessions
from realtime.settings import LimitSettings, OfflineSettings, RecoverySettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

RECOVERED: Final = "recovered"
PARTLY: Final = "partly"
# Why a client does not go on where it broke off, beside what `broker.base.Gap` and `returning` say.
UNKNOWN_SESSION: Final = "unknown_session"
FORBIDDEN_ROOM: Final = "forbidden_room"
# 192 random bits: who knows it, and has a token of the same user, takes the session over.
PID_BYTES: Final = 24
# A client that comes back again and again may take its session over from itself.
MAX_TAKEOVERS: Final = 5
# A turn is for our own work; it is given up while a client is waited for, and when it takes longer than this.
LONGEST_TURN_SECONDS: Final = 2.0


class Recovery:
    """Takes sessions into rooms, and finds and tells what they missed there."""

    def __init__(
        self,
        pod_id: str,
        attachment: Attachment,
        broker: Broker,
        presence: Presence,
        resumables: ResumableSessions,
        hearing: Hearing,
        limits: LimitSettings,
        recovery: RecoverySettings,
        offline: OfflineSettings,
        metrics: Metrics,
    ) -> None:
        self._pod_id = pod_id
        self._attachment = attachment
        self._broker = broker
        self._presence = presence
        self._resumables = resumables
        self._hearing = hearing
        self._max_sessions_per_user = limits.sessions_per_user
        self._max_messages = recovery.max_messages
        self._offline = offline
        self._metrics = metrics
        start_at_zero(metrics.recoveries, [RECOVERED, PARTLY, *Gap, UNKNOWN_SESSION, FORBIDDEN_ROOM, *PROBLEMS])
        self._turns = Turns(recovery.concurrent_max, LONGEST_TURN_SECONDS)

    # -- coming -----------------------------------------------------------------------------------------------------

    async def wait_for_turn(self, session: Session, returning: Return) -> None:
        """Wait, however long it takes, until one that has been here before may find out what it missed.

        Raises `RedisUnavailable` when its client did not wait.
        """
        if returning.is_one:
            session.turn = await self._turns.take()
            if not self._attachment.is_there(session.id):
                raise RedisUnavailable("its client has gone while others had their turn")

    def end_turn(self, session: Session) -> None:
        """Let the next one find out what it missed; to be called whatever has become of a session that has waited."""
        if session.turn is not None:
            session.turn.end()
            session.turn = None

    async def prepare(self, session: Session, returning: Return) -> None:
        """Take a session into its rooms, held, and find out what it missed; nothing has been told to the client yet.

        Raises `TooManyForNow`, `RedisUnavailable`, or `TimeoutError`; then it was never here.
        """
        self._attachment.hold(session.id)
        before, reason = await self._find(session, returning)
        own = user_room(session.user_id)
        rooms = {own} if before is None else {own, *before.rooms}
        so_far = self._broker.told()
        try:
            await self._attachment.join(session.id, rooms)
            away_since = await self._arrive(session, before)
            after = what_to_read(session, before, returning, away_since)
            if before is None and returning.goes_by_places:
                session.orders_owed = returning.cursor
            if after:
                catch_up = await self._recover(session, after)
            else:
                catch_up = await self._greet(session, away_since, so_far or self._broker.told())
            session.recovered = bool(after) and reason is None and catch_up.reason is None
            # That what came to the user cannot be had either is the graver.
            catch_up.reason = catch_up.reason or reason
            session.rooms = {own: place_of(self._broker.told_in(own), catch_up.start)}
            if session.recovered and before is not None:
                session.rooms |= before.rooms
                session.heard_of_all = Cursor(before.heard)
            for room in rooms - session.rooms.keys():
                await self._attachment.leave(session.id, room)
            if returning.wants_places:
                await self._keep_from_now_on(session, returning.pid, before)
        except BaseException:
            self._presence.leave(session.id, None)
            for pid in (session.pid, returning.pid):
                if pid is not None:
                    self._resumables.release(pid, session.id)  # Redis may have been told all the same
            raise
        if returning.is_one:
            self._metrics.recoveries.labels(RECOVERED if session.recovered else catch_up.reason or PARTLY).inc()
        if session.was_away:
            self._metrics.offline_backlog.observe(len(catch_up.missed))
        session.catch_up = catch_up

    async def _find(self, session: Session, returning: Return) -> tuple[ResumableSession | None, str | None]:
        """What the client was, if it may go on as that; else why not, unless it did not ask for it."""
        if returning.problem is not None or returning.pid is None or not returning.wants_places:
            return None, returning.problem
        before = await self._resumables.find(returning.pid)
        if before is None or before.user_id != session.user_id:
            return None, UNKNOWN_SESSION  # that it is somebody else's is nobody's business
        if not all(may_hear(session.identity, room) for room in before.rooms):
            return None, FORBIDDEN_ROOM
        return before, None

    async def _arrive(self, session: Session, before: ResumableSession | None) -> Place | None:
        device = Device(
            device_id=session.id,
            user_id=session.user_id,
            pod_id=self._pod_id,
            transport=self._attachment.transport(session.id),
            connected_at=iso_utc(session.connected_at_ms),
        )
        arrival = await self._presence.arrive(device)
        # The session that it takes over may be counted still.
        if arrival.devices - (before is not None) > self._max_sessions_per_user:
            raise TooManyForNow(f"A user may have {self._max_sessions_per_user} sessions.")
        session.was_away = arrival.was_away
        return arrival.away_since

    async def _recover(self, session: Session, after: Mapping[str, Cursor]) -> CatchUp:
        missed = await self._read(session, after)
        if missed.gap is None:
            return await self._catch_up(missed, after)
        log.info("not_recovered", reason=missed.gap, rooms=len(after))
        # What other rooms show can be asked for anew; what was meant for the user alone comes if it can be had.
        own = {room: cursor for room, cursor in after.items() if room in own_rooms(session)}
        missed_own = await self._read(session, own)
        if missed_own.gap is not None:
            missed_own = await self._newest(own, next(iter(own.values()), None))
            own = dict.fromkeys(own, just_before(missed_own))
        return await self._catch_up(missed_own, own, reason=missed.gap)

    async def _read(self, session: Session, after: Mapping[str, Cursor]) -> Missed:
        """What may be much is read and told in the session's turn."""
        session.turn = session.turn or await self._turns.take()
        return await self._broker.missed(after, self._max_messages)

    async def _greet(self, session: Session, away_since: Place | None, so_far: Cursor) -> CatchUp:
        """`so_far`: how far the pod had been told before it joined; what came since is kept for the session."""
        if not session.was_away:
            return CatchUp(so_far, so_far)
        after = None if away_since is None else Cursor([away_since])
        newest = await self._newest(own_rooms(session), after)
        return await self._catch_up(newest, dict.fromkeys(own_rooms(session), just_before(newest)))

    async def _newest(self, rooms: Collection[str], after: Cursor | None) -> Missed:
        offline = self._offline
        return await self._broker.newest(rooms, after, offline.max_messages, offline.max_age_seconds)

    async def _catch_up(self, missed: Missed, after: Mapping[str, Cursor], *, reason: str | None = None) -> CatchUp:
        await self._broker.until_told(missed.up_to)
        deliveries = each_once(missed.deliveries)
        return CatchUp(just_before(missed), missed.up_to, deliveries, after, reason, missed.gap is Gap.TOO_MANY)

    # -- sessions that clients come back to -------------------------------------------------------------------------

    async def _keep_from_now_on(self, session: Session, pid: str | None, before: ResumableSession | None) -> None:
        if session.recovered and pid is not None:
            await self._take_over(session, pid, before)
            return
        if pid is not None and before is not None:
            self._resumables.forget(pid, before.session_id)
        session.pid = secrets.token_urlsafe(PID_BYTES)
        await self._resumables.keep(session.pid, _resumable(session))

    async def _take_over(self, session: Session, pid: str, before: ResumableSession | None) -> None:
        for _ in range(MAX_TAKEOVERS):
            # A client that has given up this connection may hold its session by another one already.
            if before is None or not self._attachment.is_there(session.id):
                break
            taken = before.taken_over(session.id, session.rooms)
            if await self._resumables.keep(pid, taken):
                session.pid, session.moves = pid, taken.moves
                await self._attachment.supersede(before.session_id)
                return
            before = await self._resumables.find(pid)  # the client was quicker than itself
        raise TimeoutError("the session was taken over elsewhere")  # Redis is well: it is the client that hurries

    async def keep_rooms(self, session: Session) -> None:
        """Note which rooms a session is in, for when its client comes back."""
        session.heard_of_all, session.told_rooms_at = Cursor(), self._broker.told()  # of a new room it may lack more
        if session.pid is not None:
            try:
                await self._resumables.keep(session.pid, _resumable(session))
            except RedisUnavailable as error:
                log.info("rooms_kept_later", error=str(error))

    # -- joining more rooms -----------------------------------------------------------------------------------------

    async def join(self, session: Session, rooms: Sequence[str], since: Cursor | None) -> CatchUp | None:
        """Take a session into rooms that it is not in; `since`: and find out what it missed there, for `tell`.

        All of them or, at an error, none. Raises `RedisUnavailable`.
        """
        so_far = self._broker.told()
        orders = orders_room(session.user_id)
        if session.orders_owed is not None and orders in rooms:
            since = earlier(since, session.orders_owed)
        # What comes to rooms of both while these are joined comes by one of them, and it is not known yet by which.
        if since is not None or may_share_messages(rooms, session.rooms):
            session.told_before = session.told_before or self._broker.told_in(user_room(session.user_id))
            self._attachment.hold(session.id)
            session.catch_up = CatchUp(so_far, Cursor())  # if nothing more comes of it
        await self._attachment.join(session.id, rooms)
        try:
            if since is not None:
                session.catch_up = await self._recover_since(session, dict.fromkeys(rooms, since), so_far)
        except BaseException:
            for room in rooms:
                await self._attachment.leave(session.id, room)
            raise
        if orders in rooms:
            session.orders_owed = None
        session.rooms |= {room: self._broker.told_in(room) for room in rooms}
        if session.catch_up is None:
            await self.keep_rooms(session)
        if since is None or session.catch_up is None:
            return None
        if session.catch_up.reason is None:
            session.rooms |= {room: place_of(session.rooms[room], since) for room in rooms}
        return session.catch_up

    async def _recover_since(self, session: Session, after: Mapping[str, Cursor], so_far: Cursor) -> CatchUp:
        missed = await self._read(session, after)
        if missed.gap is not None:
            self._metrics.recoveries.labels(missed.gap).inc()
            return CatchUp(so_far, Cursor(), reason=missed.gap)
        await self._broker.until_told(missed.up_to)
        self._metrics.recoveries.labels(RECOVERED).inc()
        unheard = [delivery for delivery in each_once(missed.deliveries) if not has_heard(session, delivery)]
        return CatchUp(so_far, missed.up_to, unheard, after)

    # -- telling, and leaving ---------------------------------------------------------------------------------------

    async def tell(self, session: Session) -> None:
        """Tell a session what it missed, no faster than it listens, and let it hear its rooms.

        Of a client that goes meanwhile nothing is noted: what it was to hear is owed to its user, and asked for again.
        """
        catch_up = session.catch_up
        if catch_up is None:
            return
        # Who joins more rooms keeps the place that it has in its others, until it has what was kept of these, too.
        places = Places(catch_up.start, is_fixed=session.is_welcome)
        try:
            aside = nullcontext if session.turn is None else session.turn.aside
            is_heard = await self._attachment.deliver(
                session.id, catch_up.missed, places, aside
            ) and await self._attachment.release(session.id, catch_up.missed, catch_up.rooms, catch_up.up_to, aside)
        finally:
            self.end_turn(session)
        if not is_heard:
            return
        self._metrics.missed_messages.inc(len(catch_up.missed))
        session.catch_up = session.told_before = None
        if session.is_welcome:
            await self.keep_rooms(session)
            return
        session.is_welcome = True
        session.told_rooms_at = self._broker.told()
        if not session.rooms.keys() >= catch_up.rooms.keys():
            session.told_at_welcome = replace(catch_up, missed=())
        if session.was_away and catch_up.missed:
            self._attachment.when_heard(session.id, partial(self._presence.settle, session.id))
        elif session.was_away:
            self._presence.settle(session.id)

    def ended(self, session: Session, reason: str) -> None:
        """Note that a session that was prepared is gone."""
        self.end_turn(session)
        self._presence.leave(session.id, self._hearing.up_to(session, reason) if session.is_welcome else None)
        if session.pid is not None:
            self._resumables.release(session.pid, session.id)


def _resumable(session: Session) -> ResumableSession:
    return ResumableSession(
        user_id=session.user_id,
        session_id=session.id,
        rooms=dict(session.rooms),
        moves=session.moves,
        heard=tuple(session.heard_of_all),
    )
