"""What clients may say, and how each answer looks."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from realtime.events.fact import Identifier

# A browser page shows some hundreds of products at the very most.
MAX_PRODUCTS_PER_COMMAND: Final = 200
# RFC 6750 tokens travel in headers, which servers commonly limit to 8 KiB.
MAX_TOKEN_CHARACTERS: Final = 8_192


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


class FollowOrders(Command):
    """`subscribe:orders`, `unsubscribe:orders`: one's own orders, or, for admins, those of `userId`."""

    user_id: Identifier | None = None


class FollowInventory(Command):
    """`subscribe:inventory`, `unsubscribe:inventory`: some products, or all of them."""

    product_ids: (
        Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MAX_PRODUCTS_PER_COMMAND, strict=False)] | None
    ) = None


class FollowAdmin(Command):
    """`subscribe:admin`, `unsubscribe:admin`: the admin dashboard."""


class RequestStats(Command):
    """`request:stats`."""


class RefreshToken(Command):
    """`auth:refresh`: go on with a newer token of the same `sub`."""

    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARACTERS)]


COMMANDS: Final[dict[str, type[Command]]] = {
    "subscribe:orders": FollowOrders,
    "unsubscribe:orders": FollowOrders,
    "subscribe:inventory": FollowInventory,
    "unsubscribe:inventory": FollowInventory,
    "subscribe:admin": FollowAdmin,
    "unsubscribe:admin": FollowAdmin,
    "request:stats": RequestStats,
    "auth:refresh": RefreshToken,
}
