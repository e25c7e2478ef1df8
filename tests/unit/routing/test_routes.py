"""The one table: nothing in the catalog is forgotten in it."""

from itertools import combinations

import pytest

from realtime.events.catalog import FACTS
from realtime.events.envelope import Event
from realtime.events.fact import Fact
from realtime.events.order import OrderUpdated
from realtime.protocol.messages import encode_packets
from realtime.protocol.rooms import may_share_messages
from realtime.routing.routes import Router
from unit.fakes import NOON_MS
from unit.records import LEAST, MOST
from unit.told import make_event, tell


@pytest.mark.parametrize("event_type", FACTS)
def test_every_fact_in_the_catalog_has_a_route(event_type: str) -> None:
    assert tell(event_type, **LEAST[event_type])


@pytest.mark.parametrize("event_type", FACTS)
def test_every_event_reaches_the_admins_under_its_own_name(event_type: str) -> None:
    names = {name for name, rooms, _ in tell(event_type, **LEAST[event_type]) if rooms == ("admin:dashboard",)}
    assert f"admin:{event_type.replace('.', ':')}" in names


@pytest.mark.parametrize("event_type", FACTS)
def test_every_message_says_which_event_it_tells_of_and_when_it_happened(event_type: str) -> None:
    stamps = {(data["eventId"], data["timestamp"]) for _, _, data in tell(event_type, **LEAST[event_type])}
    assert stamps == {("e-1", "2026-11-23T10:00:00.000Z")}


@pytest.mark.parametrize("event_type", FACTS)
def test_rooms_of_one_message_are_known_to_share_messages(event_type: str) -> None:
    for _, rooms, _ in tell(event_type, **LEAST[event_type]):
        assert all(may_share_messages([one], [other]) for one, other in combinations(rooms, 2))


@pytest.mark.parametrize("event_type", FACTS)
def test_routing_the_same_event_twice_says_the_same(event_type: str) -> None:
    event, router = make_event(event_type, **LEAST[event_type]), Router(10)
    assert router.route(event) == router.route(event)


@pytest.mark.parametrize("event_type", FACTS)
def test_whoever_receives_an_event_receives_all_its_fields(event_type: str) -> None:
    fields = MOST[event_type]
    for name, _, data in tell(event_type, **fields):
        if name != "notification":
            assert {key: data[key] for key in fields} == fields


def test_a_fact_that_extends_another_is_told_as_that_one() -> None:
    class Extended(OrderUpdated):
        pass

    fields = {"order_id": "o-1", "user_id": "u", "status": "paid"}
    events = [Event("e-1", "order.updated", kind(**fields), NOON_MS) for kind in (Extended, OrderUpdated)]
    extended, plain = (encode_packets(Router(10).route(event)) for event in events)
    assert extended == plain


def test_a_fact_without_a_route_is_told_by_its_name() -> None:
    class Forgotten(Fact):
        pass

    with pytest.raises(TypeError, match="no route for Forgotten"):
        Router(10).route(Event("e-1", "forgotten", Forgotten(), NOON_MS))
