"""Who may do what. Pure."""

from realtime.errors import Forbidden
from realtime.gateway.tokens import Identity


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
