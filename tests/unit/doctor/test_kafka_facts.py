"""What Kafka says for a moment is asked again; what it says for good is told at once."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError, TopicAuthorizationFailedError

from realtime.doctor import kafka_facts
from realtime.doctor.kafka_facts import KafkaFacts, Topic
from realtime.settings import KafkaSettings

TOPIC = Topic("order.created", leaders={0: 1})


class FakeClient:
    """A leader that answers each fetch with the next of these error codes, and then with the last one.

    Without any it says nothing of the topic.
    """

    def __init__(self, *codes: int) -> None:
        self._codes = deque(codes)
        self.asked = 0

    async def send(self, node: int, request: Any) -> Any:
        self.asked += 1
        if not self._codes:
            return SimpleNamespace(topics=[])
        code = self._codes.popleft() if len(self._codes) > 1 else self._codes[0]
        return SimpleNamespace(topics=[("order.created", [(0, code, 0, 0, [], b"")])])


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_facts, "AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(kafka_facts, "SETTLE_SECONDS", 0.05)


async def read(client: FakeClient) -> str:
    fake: Any = client
    error, _ = await KafkaFacts(fake, KafkaSettings()).read_newest(TOPIC, {})
    return error


async def test_a_leader_that_does_not_know_a_new_topic_yet_is_asked_again() -> None:
    client = FakeClient(NotLeaderForPartitionError.errno, NotLeaderForPartitionError.errno, 0)
    assert await read(client) == ""
    assert client.asked == 3


async def test_a_leader_that_never_comes_to_know_it_is_told() -> None:
    client = FakeClient(NotLeaderForPartitionError.errno)
    assert await read(client) == "NotLeaderForPartitionError"
    assert client.asked > 1


async def test_a_right_that_is_missing_is_told_at_once() -> None:
    client = FakeClient(TopicAuthorizationFailedError.errno)
    assert await read(client) == "TopicAuthorizationFailedError"
    assert client.asked == 1


async def test_where_nothing_is_told_there_is_nothing_to_read() -> None:
    assert await read(FakeClient()) == ""
