"""What happens to stock."""

from realtime.events.fact import Count, Fact, Identifier, IsoTime, ShortText


class InventoryUpdated(Fact):
    """There is more or less of a product than before."""

    product_id: Identifier
    stock: Count
    previous_stock: Count | None = None
    sku: ShortText | None = None
    product_name: ShortText | None = None
    low_stock_threshold: Count | None = None
    updated_at: IsoTime | None = None
