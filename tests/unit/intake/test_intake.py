"""Intake as a whole: who leaves while Kafka or Redis is waited for does not join the group afterwards."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from parts.waiting import eventually
from realtime.broker.memory import MemoryBroker, MemoryHub
from realtime.clock import SystemClock
from realtime.errors import RedisUnavailable
from realtime.intake import intake as intake_module
from realtime.intake.intake import Intake
from realtime.resilience.breaker import make_breakers
from realtime.settings import BreakerSettings, KafkaSettings
from realtime.telemetry.metrics import Metrics

SETTINGS = KafkaSettings()


class FakeClient:
    """A producer, consumer or administrator of a Kafka that answers when it is let."""

    def __init__(self, answers: asyncio.Event) -> None:
        self._answers = answers
        self.is_started = self.is_stopped = False
        self.has_subscribed = False

    async def start(self) -> None:
        self.is_started = True
        await self._answers.wait()

    async def stop(self) -> None:
        self.is_stopped = True

    close = stop

    async def list_topics(self) -> list[str]:
        return [*SETTINGS.topics.by_event().values(), SETTINGS.dead_letter_topic]

    def subscribe(self, **_: Any) -> None:
        self.has_subscribed = True


class HiddenBroker(MemoryBroker):
    """A broker whose Redis is away until it is found."""

    asked, is_found = 0, False

    async def positions(self, partitions: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        self.asked += 1
        if not self.is_found:
            raise RedisUnavailable("connection refused")
        return await super().positions(partitions)


class House:
    """An intake, and the clients that it has made."""

    def __init__(self, hub: MemoryHub, metrics: Metrics) -> None:
        self.broker = HiddenBroker(hub, "pod")
        self.kafka_answers, self.consumers_answer = asyncio.Event(), asyncio.Event()
        self.made: dict[str, list[FakeClient]] = {"producer": [], "consumer": [], "admin": []}
        breakers = make_breakers(BreakerSettings(failures=100), SystemClock(), metrics)
        unused: Any = None
        self.intake = Intake(SETTINGS, "pod", unused, unused, self.broker, breakers, metrics)

    def make(self, kind: str) -> FakeClient:
        client = FakeClient(self.consumers_answer if kind == "consumer" else self.kafka_answers)
        self.made[kind].append(client)
        return client


@pytest.fixture
def house(hub: MemoryHub, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> House:
    house = House(hub, metrics)
    monkeypatch.setattr(intake_module, "make_producer", lambda *_: house.make("producer"))
    monkeypatch.setattr(intake_module, "make_consumer", lambda *_: house.make("consumer"))
    monkeypatch.setattr(intake_module, "make_admin", lambda *_: house.make("admin"))
    return house


async def is_over(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()


async def test_who_leaves_while_redis_is_away_makes_no_consumer_when_it_is_back(house: House) -> None:
    task = asyncio.create_task(house.intake.run())
    house.kafka_answers.set()
    await eventually(lambda: house.broker.asked, 5, "Redis is looked for")
    await house.intake.stop()
    house.broker.is_found = True
    await is_over(task)
    assert house.made["consumer"] == []
    assert house.made["producer"][0].is_stopped


async def test_who_leaves_while_kafka_does_not_answer_joins_no_group_when_it_does(house: House) -> None:
    task = asyncio.create_task(house.intake.run())
    house.kafka_answers.set()
    house.broker.is_found = True
    await eventually(lambda: house.made["consumer"], 5, "a consumer connects")
    (consumer,) = house.made["consumer"]
    await eventually(lambda: consumer.is_started, 5, "it waits for Kafka")
    house.consumers_answer.set()  # at this very moment
    await house.intake.stop()
    await is_over(task)
    assert consumer.is_stopped
    assert not consumer.has_subscribed


async def test_who_leaves_before_the_producer_has_connected_takes_nothing_in_later(house: House) -> None:
    task = asyncio.create_task(house.intake.run())
    await eventually(lambda: house.made["producer"], 5, "the producer connects")
    await house.intake.stop()
    house.kafka_answers.set()
    house.consumers_answer.set()
    house.broker.is_found = True
    await is_over(task)
    assert house.made["consumer"] == []
    assert house.made["producer"][0].is_stopped
