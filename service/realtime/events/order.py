"""What happens to orders."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from realtime.events.fact import Amount, Count, Fact, Identifier, IsoTime, ShortText


class OrderItem(Fact):
    """One line of an order."""

    product_id: Identifier | None = None
    sku: ShortText | None = None
    name: ShortText | None = None
    quantity: Count | None = None
    price: Amount | None = None


class OrderFact(Fact):
    """What all order events tell: which order, and whose it is."""

    order_id: Identifier
    buyer_id: Identifier | None = None
    user_id: Identifier | None = None

    @model_validator(mode="after")
    def _has_an_owner(self) -> Self:
        if self.buyer_id is None and self.user_id is None:
            raise ValueError("buyerId or userId is required: an order belongs to somebody")
        return self

    @property
    def owner_id(self) -> str:
        """Whose order it is; `buyerId` wins, since `userId` is the older name."""
        owner = self.buyer_id or self.user_id
        assert owner is not None
        return owner


class OrderCreated(OrderFact):
    """An order was placed."""

    status: ShortText | None = None
    items: Annotated[tuple[OrderItem, ...], Field(max_length=1_000, strict=False)] | None = None
    total_amount: Amount | None = None
    currency: ShortText | None = None
    created_at: IsoTime | None = None


class OrderUpdated(OrderFact):
    """An order is in another state, or more is known of its way."""

    status: Annotated[ShortText, Field(min_length=1)]
    previous_status: ShortText | None = None
    total_amount: Amount | None = None
    tracking_number: ShortText | None = None
    estimated_delivery: IsoTime | None = None
    updated_at: IsoTime | None = None


class OrderCancelled(OrderFact):
    """An order will not be fulfilled."""

    reason: ShortText | None = None
    refund_amount: Amount | None = None
    refund_status: ShortText | None = None
    cancelled_at: IsoTime | None = None
