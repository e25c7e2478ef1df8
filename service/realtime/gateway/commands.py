"""What each command does. A handler returns what its ack says beside `ok`."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from realtime.broker.base import Broker
from realtime.clock import iso_utc
from realtime.errors import Forbidden, LimitExceeded
from realtime.gateway.access import DEVICES_OF_OTHERS, may_hear, require_admin, whose_orders
from realtime.gateway.attachment import Attachment
from realtime.gateway.recovery import Recovery
from realtime.gateway.returning import read_cursor
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
    SubscribeAdmin,
    SubscribeInventory,
    SubscribeOrders,
)
from realtime.protocol.rooms import ADMIN_DASHBOARD, INVENTORY_UPDATES, orders_room, product_room
from realtime.settings import LimitSettings

Answer = dict[str, Any]


class Commands:
    """Carries out commands whose payloads have been validated."""

    def __init__(
        self,
        attachment: Attachment,
        broker: Broker,
        recovery: Recovery,
        verifier: TokenVerifier,
        stats: Stats,
        limits: LimitSettings,
    ) -> None:
        self._attachment = attachment
        self._broker = broker
        self._recovery = recovery
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

    async def _join(self, session: Session, rooms: Collection[str], since: str | None) -> Answer:
        fresh = [room for room in rooms if room not in session.rooms]
        if len(session.rooms) + len(fresh) > self._limits.rooms_per_session:
            raise LimitExceeded(f"A session may be in {self._limits.rooms_per_session} rooms.")
        catch_up = await self._recovery.join(session, fresh, None if since is None else read_cursor(since))
        answer = self._rooms(session)
        if catch_up is not None:
            answer |= {"recovered": catch_up.reason is None, "missed": len(catch_up.missed)}
            if catch_up.reason is not None:
                answer["reason"] = catch_up.reason
            else:
                answer["offset"] = str(catch_up.up_to)
        return answer

    async def _leave(self, session: Session, rooms: Collection[str]) -> Answer:
        for room in rooms:
            await self._attachment.leave(session.id, room)
            session.rooms.pop(room, None)
        if rooms:
            await self._recovery.keep_rooms(session)
        return self._rooms(session)

    def _rooms(self, session: Session) -> Answer:
        return {"rooms": sorted(session.rooms), "offset": str(self._broker.told())}

    async def _subscribe_orders(self, session: Session, command: SubscribeOrders) -> Answer:
        room = orders_room(whose_orders(session.identity, command.user_id))
        return await self._join(session, [room], command.since)

    async def _unsubscribe_orders(self, session: Session, command: FollowOrders) -> Answer:
        return await self._leave(session, {orders_room(command.user_id or session.user_id)} & session.rooms.keys())

    async def _subscribe_inventory(self, session: Session, command: SubscribeInventory) -> Answer:
        return await self._join(session, _inventory_rooms(command), command.since)

    async def _unsubscribe_inventory(self, session: Session, command: FollowInventory) -> Answer:
        rooms = set(_inventory_rooms(command))
        if command.product_ids is None:
            rooms |= {room for room in session.rooms if room.startswith(product_room(""))}
        return await self._leave(session, rooms & session.rooms.keys())

    async def _subscribe_admin(self, session: Session, command: SubscribeAdmin) -> Answer:
        require_admin(session.identity, "The admin dashboard")
        return await self._join(session, [ADMIN_DASHBOARD], command.since)

    async def _unsubscribe_admin(self, session: Session, _: FollowAdmin) -> Answer:
        return await self._leave(session, {ADMIN_DASHBOARD} & session.rooms.keys())

    async def _request_stats(self, session: Session, command: RequestStats) -> Answer:
        if command.user_id is not None:
            if command.user_id != session.user_id:
                require_admin(session.identity, DEVICES_OF_OTHERS)
            return {"stats": await self._stats.of_devices(command.user_id)}
        if session.identity.is_admin:
            return {"stats": await self._stats.of_cluster()}
        return {"stats": self._stats.of_user(session.user_id)}

    async def _refresh_token(self, session: Session, command: RefreshToken) -> Answer:
        identity = self._verifier.identify(Credentials(token=command.token))
        if identity.user_id != session.user_id:
            raise Forbidden("The new token belongs to somebody else.")
        session.identity = identity
        await self._leave(session, [room for room in session.rooms if not may_hear(identity, room)])
        return {"expiresAt": iso_utc(int(identity.expires_at * 1_000)), "rooms": sorted(session.rooms)}


def _inventory_rooms(command: FollowInventory) -> list[str]:
    if command.product_ids is None:
        return [INVENTORY_UPDATES]
    return [product_room(product_id) for product_id in dict.fromkeys(command.product_ids)]
