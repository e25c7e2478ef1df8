"""What happens to products."""

from realtime.events.fact import Amount, Fact, Identifier, IsoTime, JsonObject, ShortText


class ProductFact(Fact):
    """What both product events tell."""

    product_id: Identifier
    name: ShortText | None = None
    sku: ShortText | None = None
    price: Amount | None = None
    category: ShortText | None = None
    changes: JsonObject | None = None
    created_at: IsoTime | None = None
    updated_at: IsoTime | None = None


class ProductCreated(ProductFact):
    """A product can be bought."""


class ProductUpdated(ProductFact):
    """A product is described or priced in another way."""
