"""A partition's records: each becomes messages or a dead letter, in order, and none holds up those behind it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from realtime.broker.base import NO_POSITION, Outcome, RecordBatch
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.delivery.publisher import Publisher
from realtime.errors import RedisUnavailable
from realtime.events.envelope import Event
from realtime.intake.dead_letter import DeadLetter
from realtime.intake.pipeline import RECORDS_A_TURN, Pipeline
from realtime.intake.record import Partition, Record
from realtime.protocol.messages import Message
from realtime.protocol.rooms import ADMIN_DASHBOARD
from realtime.routing.routes import Router
from realtime.telemetry.metrics import Metrics
from unit.counts import count
from unit.fakes import FakeDeadLetters, a_breaker
from unit.packets import read_packet
from unit.records import make_decoder, make_record

TOPIC = "order.updated"
PARTITION = Partition(TOPIC, 3)


class RouterWithABug:
    """Falls over the order `o-cursed`, and routes everything else."""

    def __init__(self) -> None:
        self._router = Router(low_stock_threshold=10)

    def route(self, event: Event) -> tuple[Message, ...]:
        if "o-cursed" in event.fact.model_dump().values():
            raise KeyError("o-cursed")
        return self._router.route(event)


class ForgetfulBroker(MemoryBroker):
    """A broker whose Redis is away `failures` times before it takes a batch."""

    failures = 0

    async def publish_records(self, batch: RecordBatch) -> Outcome:
        if self.failures:
            self.failures -= 1
            raise RedisUnavailable("connection refused")
        return await super().publish_records(batch)


@pytest.fixture
def dead_letters() -> FakeDeadLetters:
    return FakeDeadLetters()


@pytest.fixture
def broker(hub: MemoryHub) -> ForgetfulBroker:
    return ForgetfulBroker(hub, "pod")


@pytest.fixture
def pipeline(broker: ForgetfulBroker, dead_letters: FakeDeadLetters, metrics: Metrics) -> Pipeline:
    router: Any = RouterWithABug()
    return Pipeline(
        make_decoder(),
        router,
        Publisher(broker, a_breaker(failures=100), metrics),
        dead_letters,
        a_breaker(failures=100),
        metrics,
    )


def order(offset: int, order_id: str | None = None, **fields: object) -> Record:
    value = {"orderId": order_id or f"o-{offset}", "buyerId": "u", "status": "paid"} | fields
    return make_record(TOPIC, value, offset=offset)


def poison(offset: int) -> Record:
    return make_record(TOPIC, b"\xff", offset=offset)


def told_to_admins(hub: MemoryHub) -> list[str]:
    """Ids of the orders that admins were told of, in the order of telling."""
    return [read_packet(delivery.packet)[1]["orderId"] for delivery in hub.histories[ADMIN_DASHBOARD]]


async def test_records_are_published_in_their_order(pipeline: Pipeline, hub: MemoryHub) -> None:
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(offset) for offset in range(10)])
    assert told_to_admins(hub) == [f"o-{offset}" for offset in range(10)]
    assert outcome == Outcome(position=9, published=30)


async def test_while_a_large_batch_is_prepared_others_have_their_turn(pipeline: Pipeline) -> None:
    turns = 0

    async def have_a_turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(have_a_turn())
    await pipeline.handle(PARTITION, NO_POSITION, [order(offset) for offset in range(10 * RECORDS_A_TURN)])
    other.cancel()
    assert turns >= 10


async def test_a_record_becomes_what_the_router_makes_of_it(pipeline: Pipeline, hub: MemoryHub) -> None:
    await pipeline.handle(PARTITION, NO_POSITION, [order(0)])
    assert set(hub.histories) == {"orders:u", "user:u", ADMIN_DASHBOARD}


async def test_a_poison_record_does_not_hold_up_those_behind_it(
    pipeline: Pipeline, hub: MemoryHub, dead_letters: FakeDeadLetters
) -> None:
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(0), poison(1), order(2), poison(3), order(4)])
    assert told_to_admins(hub) == ["o-0", "o-2", "o-4"]
    assert [letter.record.offset for letter in dead_letters.letters] == [1, 3]
    assert outcome.position == 4


async def test_a_dead_letter_holds_the_whole_record_and_says_why(
    pipeline: Pipeline, dead_letters: FakeDeadLetters
) -> None:
    record = order(0, status=5)
    await pipeline.handle(PARTITION, NO_POSITION, [record])
    assert dead_letters.letters == [DeadLetter(record, "invalid_event", "status: Input should be a valid string")]


async def test_a_batch_of_nothing_but_poison_moves_the_position(pipeline: Pipeline, hub: MemoryHub) -> None:
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [poison(0), poison(1)])
    assert outcome == Outcome(position=1)
    assert hub.positions == {(TOPIC, 3): 1}


async def test_a_bug_in_routing_becomes_a_dead_letter_and_the_rest_goes_on(
    pipeline: Pipeline,
    hub: MemoryHub,
    dead_letters: FakeDeadLetters,
    metrics: Metrics,
    logs: list[MutableMapping[str, Any]],
) -> None:
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(0), order(1, "o-cursed"), order(2)])
    assert told_to_admins(hub) == ["o-0", "o-2"]
    assert [(letter.code, letter.reason) for letter in dead_letters.letters] == [("internal", "KeyError: 'o-cursed'")]
    assert count(metrics.bugs, where="pipeline") == 1
    assert [entry["record"] for entry in logs if entry["event"] == "record_failed"] == ["order.updated:3:1"]
    assert outcome.position == 2


@pytest.mark.usefixtures("retries_at_once")
async def test_while_the_dead_letter_topic_is_away_the_partition_waits_and_loses_nothing(
    pipeline: Pipeline, hub: MemoryHub, dead_letters: FakeDeadLetters, logs: list[MutableMapping[str, Any]]
) -> None:
    dead_letters.failures = 3
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(0), poison(1), order(2)])
    assert [letter.record.offset for letter in dead_letters.letters] == [1]
    assert told_to_admins(hub) == ["o-0", "o-2"]
    assert outcome.position == 2
    assert [entry["event"] for entry in logs].count("dead_letter_failed") == 3


@pytest.mark.usefixtures("retries_at_once")
async def test_while_redis_is_away_nothing_is_set_aside(
    pipeline: Pipeline, hub: MemoryHub, broker: ForgetfulBroker, dead_letters: FakeDeadLetters, metrics: Metrics
) -> None:
    broker.failures = 4
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(0)])
    assert (outcome.position, dead_letters.letters) == (0, [])
    assert told_to_admins(hub) == ["o-0"]
    assert count(metrics.publish_failures, error="redis_unavailable") == 4


async def test_records_that_were_published_before_are_not_published_again(pipeline: Pipeline, hub: MemoryHub) -> None:
    await pipeline.handle(PARTITION, NO_POSITION, [order(0), order(1)])
    outcome = await pipeline.handle(PARTITION, NO_POSITION, [order(0), order(1), order(2)])
    assert told_to_admins(hub) == ["o-0", "o-1", "o-2"]
    assert outcome == Outcome(position=2, published=3, skipped_records=2)


async def test_a_broker_that_is_behind_publishes_nothing_and_says_so(pipeline: Pipeline, hub: MemoryHub) -> None:
    outcome = await pipeline.handle(PARTITION, 6, [order(7)])
    assert outcome == Outcome(NO_POSITION, behind=True)
    assert told_to_admins(hub) == []


async def test_each_record_is_counted_by_what_became_of_it(pipeline: Pipeline, metrics: Metrics) -> None:
    await pipeline.handle(PARTITION, NO_POSITION, [order(0), poison(1)])
    await pipeline.handle(PARTITION, NO_POSITION, [order(0), order(2)])
    assert count(metrics.events, type=TOPIC, outcome="published") == 2
    assert count(metrics.events, type=TOPIC, outcome="dead_letter") == 1
    assert count(metrics.events, type=TOPIC, outcome="skipped") == 1
    assert count(metrics.dead_letters, reason="unreadable_record") == 1


async def test_records_that_come_again_because_the_broker_was_behind_are_counted_once(
    pipeline: Pipeline, metrics: Metrics
) -> None:
    await pipeline.handle(PARTITION, 6, [order(7)])
    assert count(metrics.events) == 0
    await pipeline.handle(PARTITION, NO_POSITION, [order(7)])
    assert count(metrics.events, outcome="published") == 1


async def test_a_record_of_a_topic_without_an_event_is_counted_as_unknown(
    pipeline: Pipeline, metrics: Metrics, dead_letters: FakeDeadLetters
) -> None:
    await pipeline.handle(Partition("payment.made", 0), NO_POSITION, [make_record("payment.made", {})])
    assert [letter.code for letter in dead_letters.letters] == ["unknown_event_type"]
    assert count(metrics.events, type="unknown", outcome="dead_letter") == 1
