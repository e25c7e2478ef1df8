"""The only way out: encoded once, published with all that pods must know."""

import pytest

from realtime.broker.base import NO_POSITION, NOT_MEASURED, Publication, PublishedRecord, RecordBatch
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.delivery.publisher import Publisher
from realtime.errors import RedisUnavailable
from realtime.events.envelope import Event
from realtime.routing.routes import Router
from realtime.telemetry.metrics import Metrics
from unit.counts import count
from unit.fakes import NOON_MS, AbsentBroker, a_breaker
from unit.told import make_event

STOCK = make_event("inventory.updated", productId="p-9", stock=50)


def publications(event: Event) -> list[Publication]:
    return Publisher.prepare(event, Router(10).route(event))


@pytest.fixture
def publisher(hub: MemoryHub, metrics: Metrics) -> Publisher:
    return Publisher(MemoryBroker(hub, "pod"), a_breaker(), metrics)


def test_a_publication_takes_along_what_pods_must_know() -> None:
    event = Event(STOCK.id, STOCK.type, STOCK.fact, NOON_MS, traceparent="00-1-2-01")
    first, second = publications(event)
    assert first == Publication(
        first.packet, ("inventory:updates", "product:p-9"), NOON_MS, "inventory:p-9", "00-1-2-01"
    )
    assert first.packet.startswith(b'2["inventory:updated",{')
    assert second.rooms == ("admin:dashboard",)


def test_what_is_not_to_be_measured_does_not_say_when_it_happened() -> None:
    event = Event(STOCK.id, STOCK.type, STOCK.fact, NOON_MS, is_measured=False)
    assert {publication.occurred_ms for publication in publications(event)} == {NOT_MEASURED}


async def test_what_is_published_from_kafka_is_counted(publisher: Publisher, metrics: Metrics) -> None:
    batch = RecordBatch("inventory.updated", 0, NO_POSITION, [PublishedRecord(0, publications(STOCK))])
    await publisher.publish_records(batch)
    await publisher.publish_records(batch)  # skipped
    assert count(metrics.publications, source="kafka") == 2


async def test_what_is_published_for_rest_is_counted_once_for_its_key(publisher: Publisher, metrics: Metrics) -> None:
    messages = Router(10).route(STOCK)
    assert await publisher.publish_event(STOCK, messages, "key") is True
    assert await publisher.publish_event(STOCK, messages, "key") is False
    assert count(metrics.publications, source="rest") == 2


async def test_a_rest_request_does_not_wait_for_redis(metrics: Metrics) -> None:
    with pytest.raises(RedisUnavailable):
        await Publisher(AbsentBroker(), a_breaker(), metrics).publish_event(STOCK, Router(10).route(STOCK), "key")
    assert count(metrics.publications) == 0


@pytest.mark.usefixtures("retries_at_once")
async def test_a_batch_waits_for_redis_and_each_attempt_is_counted(metrics: Metrics) -> None:
    with pytest.raises(RedisUnavailable):  # the tenth attempt is the last one in tests alone
        await Publisher(AbsentBroker(), a_breaker(failures=100), metrics).publish_records(
            RecordBatch("t", 0, NO_POSITION)
        )
    assert count(metrics.publish_failures, error="redis_unavailable") == 10
