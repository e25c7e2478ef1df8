"""What clients may say, and how each answer looks."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from realtime.events.fact import Identifier

# A browser page shows some hundreds of products at the very most.
MAX_PRODUCTS_PER_COMMAND: Final = 200
# RFC 6750 tokens travel in headers, which servers commonly limit to 8 KiB.
MAX_TOKEN_CHARACTERS: Final = 8_192
# A place for each of 64 shards, the most there may be.
MAX_OFFSET_CHARACTERS: Final = 4_096


class Command(BaseModel):
    """A command's payload: one JSON object, or nothing."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
    )


class Subscription(Command):
    """`since`: tell what was missed there, too, behind an offset that the server gave."""

    since: Annotated[str, Field(max_length=MAX_OFFSET_CHARACTERS)] | None = None


class FollowOrders(Command):
    """`unsubscribe:orders`: one's own orders, or, for admins, those of `userId`."""

    user_id: Identifier | None = None


class SubscribeOrders(FollowOrders, Subscription):
    """`subscribe:orders`."""


class FollowInventory(Command):
    """`unsubscribe:inventory`: some products, or all of them."""

    product_ids: (
        Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MAX_PRODUCTS_PER_COMMAND, strict=False)] | None
    ) = None


class SubscribeInventory(FollowInventory, Subscription):
    """`subscribe:inventory`."""


class FollowAdmin(Command):
    """`unsubscribe:admin`: the admin dashboard."""


class SubscribeAdmin(FollowAdmin, Subscription):
    """`subscribe:admin`."""


class RequestStats(Command):
    """`request:stats`: of the cluster, or of oneself; with `userId`, that user's devices on all pods."""

    user_id: Identifier | None = None


class RefreshToken(Command):
    """`auth:refresh`: go on with a newer token of the same `sub`."""

    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARACTERS)]


COMMANDS: Final[dict[str, type[Command]]] = {
    "subscribe:orders": SubscribeOrders,
    "unsubscribe:orders": FollowOrders,
    "subscribe:inventory": SubscribeInventory,
    "unsubscribe:inventory": FollowInventory,
    "subscribe:admin": SubscribeAdmin,
    "unsubscribe:admin": FollowAdmin,
    "request:stats": RequestStats,
    "auth:refresh": RefreshToken,
}
