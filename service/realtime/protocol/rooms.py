"""The rooms' names."""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

INVENTORY_UPDATES: Final = "inventory:updates"
ADMIN_DASHBOARD: Final = "admin:dashboard"
_KINDS: Final = frozenset({"user", "orders", "product", "inventory", "admin"})


def user_room(user_id: str) -> str:
    """Room of all of a user's sessions; each session is in it from the start."""
    return f"user:{user_id}"


def orders_room(user_id: str) -> str:
    """Room of those who follow a user's orders."""
    return f"orders:{user_id}"


def product_room(product_id: str) -> str:
    """Room of those who follow one product."""
    return f"product:{product_id}"


def may_share_messages(rooms: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a message may go to one of the rooms and to one of the others, as `routing` sends them."""
    kinds, other_kinds = {kind_of(room) for room in rooms}, {kind_of(room) for room in others}
    return ("inventory" in kinds and "product" in other_kinds) or ("product" in kinds and "inventory" in other_kinds)


def kind_of(room: str) -> str:
    """What a room is for, without whose it is; `other` for one that is none of these: countable, not personal."""
    kind = room.partition(":")[0]
    return kind if kind in _KINDS else "other"


def shard_of(room: str, shards: int) -> int:
    """The part of Redis that a room is kept in.

    What is behind the first colon decides, so that a user's rooms are together; and all rooms of products are together
    with `inventory:updates`, for who is in several of a message's rooms is promised it once only within a shard.
    """
    kind, _, name = room.partition(":")
    return crc32(("updates" if kind == "product" else name or kind).encode(errors="surrogatepass")) % shards
