"""Product events: to those who follow all products or this one, and to the admins."""

from realtime.events.envelope import Event
from realtime.events.product import ProductFact
from realtime.protocol.messages import Message, Priority
from realtime.protocol.rooms import ADMIN_DASHBOARD, INVENTORY_UPDATES, product_room
from realtime.routing.announcing import announce


def route_product_created(event: Event, fact: ProductFact) -> tuple[Message, ...]:
    """Tell that a product can be bought."""
    return _tell(event, fact, "created", f"New: {_title(fact)}.")


def route_product_updated(event: Event, fact: ProductFact) -> tuple[Message, ...]:
    """Tell that a product has changed."""
    return _tell(event, fact, "updated", f"{_title(fact)} has been updated.")


def _title(fact: ProductFact) -> str:
    return fact.name or fact.sku or fact.product_id


def _tell(event: Event, fact: ProductFact, verb: str, sentence: str) -> tuple[Message, ...]:
    parts = (fact, announce(event, sentence, Priority.LOW))
    return (
        Message(f"product:{verb}", (INVENTORY_UPDATES, product_room(fact.product_id)), parts),
        Message(f"admin:product:{verb}", (ADMIN_DASHBOARD,), parts),
    )
