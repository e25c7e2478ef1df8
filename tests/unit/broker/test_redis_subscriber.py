"""What comes out of one chunk is told at once, in its order, and never twice."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from realtime.broker.base import Delivery
from realtime.broker.place import Place
from realtime.broker.redis_subscriber import RedisSubscriber
from realtime.errors import RedisUnavailable
from realtime.redis.keys import Keys
from realtime.settings import RedisSettings
from realtime.telemetry.metrics import Metrics
from unit.counts import count


class Calls:
    """A listener that writes down what it was told in each call."""

    def __init__(self) -> None:
        self.told: list[list[str] | bytes] = []

    def on_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self.told.append([f"{d.room} {d.packet.decode()}" for d in deliveries])

    def on_gap(self, rooms: Collection[str]) -> None:
        raise AssertionError(rooms)

    def on_signal(self, signal: bytes) -> None:
        self.told.append(signal)


def message(room: str, offset: int, epoch: str = "e") -> list[bytes]:
    return [b"message", f"p:{{0}}:room:{room}".encode(), f"1 {epoch} {offset} 1 -\n{offset}".encode()]


def signal(channel: bytes, text: bytes) -> list[bytes]:
    return [b"message", channel, b"S" + text]


@pytest.fixture
async def subscriber() -> RedisSubscriber:
    """One that follows the rooms `a` and `b`."""
    unused: Any = None
    subscriber = RedisSubscriber(Redis(), RedisSettings(), 1_000, Keys("p"), "pod", unused, Metrics())
    joining = asyncio.create_task(subscriber.subscribe(["a", "b"]))
    await asyncio.sleep(0)
    joining.cancel()
    return subscriber


def hear(subscriber: RedisSubscriber, *replies: list[bytes]) -> list[list[str] | bytes]:
    calls = Calls()
    subscriber._hear(replies, calls)
    return calls.told


def test_all_messages_of_a_chunk_are_told_in_one_call(subscriber: RedisSubscriber) -> None:
    assert hear(subscriber, message("a", 1), message("b", 2), message("a", 3)) == [["a 1", "b 2", "a 3"]]


def test_a_signal_comes_behind_what_was_said_before_it_and_before_the_rest(subscriber: RedisSubscriber) -> None:
    told = hear(
        subscriber,
        signal(b"p:{0}:pod:pod", b"first"),
        message("a", 1),
        message("b", 2),
        signal(b"p:{0}:room:a", b"second"),
        signal(b"p:{0}:pods", b"third"),
        message("a", 3),
    )
    assert told == [b"first", ["a 1", "b 2"], b"second", b"third", ["a 3"]]


def test_what_was_told_is_not_told_again(subscriber: RedisSubscriber) -> None:
    assert hear(subscriber, message("a", 1), message("a", 1), message("b", 1)) == [["a 1", "b 1"]]
    assert hear(subscriber, message("a", 1), message("b", 1), message("a", 2)) == [["a 2"]]
    assert hear(subscriber, message("a", 2)) == []


def test_in_a_new_order_small_offsets_are_new(subscriber: RedisSubscriber) -> None:
    assert hear(subscriber, message("a", 9), message("a", 1, "new"), message("a", 1, "new")) == [["a 9", "a 1"]]


def test_what_is_unreadable_takes_nothing_along(subscriber: RedisSubscriber) -> None:
    garbage = [b"message", b"p:{0}:room:a", b"\xff"]
    assert hear(subscriber, message("a", 1), garbage, message("a", 2)) == [["a 1", "a 2"]]


def test_a_room_that_nobody_follows_is_not_told(subscriber: RedisSubscriber) -> None:
    assert hear(subscriber, message("other", 1), message("a", 2)) == [["a 2"]]


def heartbeat(place: str) -> list[bytes]:
    return [b"message", b"p:{0}:pod:pod", b"H" + place.encode()]


def test_a_heartbeat_is_nobody_elses_business(subscriber: RedisSubscriber) -> None:
    assert hear(subscriber, message("a", 1), heartbeat("e:1"), message("a", 2)) == [["a 1"], ["a 2"]]
    assert subscriber.heard_seconds_ago() < 5


def test_a_heartbeat_says_how_far_all_has_been_told(subscriber: RedisSubscriber) -> None:
    assert subscriber.told.place is None
    hear(subscriber, message("a", 5))
    assert subscriber.told.place == Place("e", 5)
    assert hear(subscriber, message("b", 7), heartbeat("e:9"), message("a", 10)) == [["b 7"], ["a 10"]]
    assert subscriber.told.place == Place("e", 10)
    hear(subscriber, heartbeat("e:4"))
    assert subscriber.told.place == Place("e", 10)
    hear(subscriber, heartbeat("new:4"))
    assert subscriber.told.place == Place("new", 4)


@pytest.mark.parametrize("text", ["", "e", "e:x", "\xff", "e:1:2"])
def test_a_heartbeat_that_is_none_is_ignored(subscriber: RedisSubscriber, text: str) -> None:
    hear(subscriber, heartbeat("e:1"), heartbeat(text))
    assert subscriber.told.place == Place("e", 1)


async def test_who_waits_for_a_place_is_told_when_all_up_to_it_has_been_told(
    subscriber: RedisSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_lost() -> None:
        pass

    monkeypatch.setattr(subscriber.told, "_ask", is_lost)
    hear(subscriber, heartbeat("e:1"))
    await subscriber.told.until(Place("e", 1))
    waiting = asyncio.create_task(subscriber.told.until(Place("e", 9)))
    await asyncio.sleep(0)
    hear(subscriber, message("a", 8), heartbeat("other:20"))
    await asyncio.sleep(0)
    assert not waiting.done()
    hear(subscriber, heartbeat("e:9"))
    await waiting


async def test_a_connection_on_which_nothing_is_heard_is_counted_as_failed() -> None:
    class Silence:
        async def read(self, max_bytes: int) -> list[list[bytes]]:
            await asyncio.Event().wait()
            raise AssertionError

    metrics, unused, silence = Metrics(), cast("Any", None), cast("Any", Silence())
    settings = RedisSettings(heartbeat_interval_seconds=0.001)
    subscriber = RedisSubscriber(Redis(), settings, 1_000, Keys("p"), "pod", unused, metrics)
    with pytest.raises(RedisUnavailable, match="nothing was heard"):
        await subscriber._read(silence)
    assert count(metrics.redis_errors, operation="listen") == 1
