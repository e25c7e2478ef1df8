"""Who may do what. Pure."""

from typing import Final

from realtime.errors import Forbidden
from realtime.gateway.tokens import Identity
from realtime.protocol.rooms import INVENTORY_UPDATES, orders_room, product_room, user_room

DEVICES_OF_OTHERS: Final = "Seeing another user's devices"


def require_admin(identity: Identity, what: str) -> None:
    """Raise `Forbidden` unless the identity has the role `admin`."""
    if not identity.is_admin:
        raise Forbidden(f"{what} needs the role admin.")


def require_service(identity: Identity) -> None:
    """Raise `Forbidden` unless the identity is a service or an admin."""
    if not identity.is_service:
        raise Forbidden("This needs the role service or admin.")


def whose_orders(identity: Identity, wanted_user_id: str | None) -> str:
    """Say whose orders are followed: one's own, or, for admins, anybody's. Raises `Forbidden`."""
    user_id = identity.user_id if wanted_user_id is None else wanted_user_id
    if user_id != identity.user_id:
        require_admin(identity, "Following another user's orders")
    return user_id


def may_hear(identity: Identity, room: str) -> bool:
    """Whether an identity may be in a room: its own, and what everybody may follow; admins in all."""
    own = {user_room(identity.user_id), orders_room(identity.user_id), INVENTORY_UPDATES}
    return identity.is_admin or room in own or room.startswith(product_room(""))
