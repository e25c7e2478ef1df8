"""What each command does. A handler returns what its ack says beside `ok`."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from realtime.clock import iso_utc
from realtime.errors import Forbidden, LimitExceeded
from realtime.gateway.access import require_admin, whose_orders
from realtime.gateway.attachment import Attachment
from realtime.gateway.session import Session
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.protocol.commands import (
    Command,
    FollowAdmin,
    FollowInventory,
    FollowOrders,
    RefreshToken,
    RequestStats,
)
from realtime.protocol.rooms import ADMIN_DASHBOARD, INVENTORY_UPDATES, orders_room, product_room, user_room
from realtime.settings import LimitSettings

Answer = dict[str, Any]


class Commands:
    """Carries out commands whose payloads have been validated."""

    def __init__(self, attachment: Attachment, verifier: TokenVerifier, stats: Stats, limits: LimitSettings) -> None:
        self._attachment = attachment
        self._verifier = verifier
        self._stats = stats
        self._limits = limits
        self._handlers: Final[dict[str, Callable[[Session, Any], Awaitable[Answer]]]] = {
            "subscribe:orders": self._subscribe_orders,
            "unsubscribe:orders": self._unsubscribe_orders,
            "subscribe:inventory": self._subscribe_inventory,
            "unsubscribe:inventory": self._unsubscribe_inventory,
            "subscribe:admin": self._subscribe_admin,
            "unsubscribe:admin": self._unsubscribe_admin,
            "request:stats": self._request_stats,
            "auth:refresh": self._refresh_token,
        }

    async def carry_out(self, session: Session, name: str, command: Command) -> Answer:
        """Carry out a known command. Raises `ClientError` or `DependencyError`."""
        return await self._handlers[name](session, command)

    async def join(self, session: Session, rooms: Iterable[str]) -> Answer:
        """Put a session into rooms; all of them or, at an error, none that it was not in before."""
        fresh = [room for room in rooms if room not in session.rooms]
        if len(session.rooms) + len(fresh) > self._limits.rooms_per_session:
            raise LimitExceeded(f"A session may be in {self._limits.rooms_per_session} rooms.")
        joined = []
        try:
            for room in fresh:
                await self._attachment.join(session.id, room)
                joined.append(room)
        except BaseException:
            await self._leave(session, joined)
            raise
        session.rooms.update(fresh)
        return {"rooms": sorted(session.rooms)}

    async def _leave(self, session: Session, rooms: Iterable[str]) -> Answer:
        for room in rooms:
            await self._attachment.leave(session.id, room)
            session.rooms.discard(room)
        return {"rooms": sorted(session.rooms)}

    async def _subscribe_orders(self, session: Session, command: FollowOrders) -> Answer:
        return await self.join(session, [orders_room(whose_orders(session.identity, command.user_id))])

    async def _unsubscribe_orders(self, session: Session, command: FollowOrders) -> Answer:
        return await self._leave(session, {orders_room(command.user_id or session.user_id)} & session.rooms)

    async def _subscribe_inventory(self, session: Session, command: FollowInventory) -> Answer:
        return await self.join(session, _inventory_rooms(command))

    async def _unsubscribe_inventory(self, session: Session, command: FollowInventory) -> Answer:
        rooms = set(_inventory_rooms(command))
        if command.product_ids is None:
            rooms |= {room for room in session.rooms if room.startswith(product_room(""))}
        return await self._leave(session, rooms & session.rooms)

    async def _subscribe_admin(self, session: Session, _: FollowAdmin) -> Answer:
        require_admin(session.identity, "The admin dashboard")
        return await self.join(session, [ADMIN_DASHBOARD])

    async def _unsubscribe_admin(self, session: Session, _: FollowAdmin) -> Answer:
        return await self._leave(session, {ADMIN_DASHBOARD} & session.rooms)

    async def _request_stats(self, session: Session, _: RequestStats) -> Answer:
        if session.identity.is_admin:
            return {"stats": await self._stats.of_cluster()}
        return {"stats": self._stats.of_user(session.user_id)}

    async def _refresh_token(self, session: Session, command: RefreshToken) -> Answer:
        identity = self._verifier.identify(Credentials(token=command.token))
        if identity.user_id != session.user_id:
            raise Forbidden("The new token belongs to somebody else.")
        session.identity = identity
        if not identity.is_admin:
            own = {user_room(session.user_id), orders_room(session.user_id), INVENTORY_UPDATES}
            await self._leave(session, [r for r in session.rooms - own if not r.startswith(product_room(""))])
        return {"expiresAt": iso_utc(int(identity.expires_at * 1_000)), "rooms": sorted(session.rooms)}


def _inventory_rooms(command: FollowInventory) -> list[str]:
    if command.product_ids is None:
        return [INVENTORY_UPDATES]
    return [product_room(product_id) for product_id in dict.fromkeys(command.product_ids)]
