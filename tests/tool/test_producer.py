"""A pace is kept, and nothing is half written when it is stopped."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from parts.waiting import eventually
from tool.producer import Orders, Pace, paced


class Written:
    """Counts what was begun and what was ended; while `gate` is shut, nothing ends."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self) -> None:
        self.begun += 1
        await self.gate.wait()
        self.ended += 1


async def test_it_ends_when_it_has_made_so_many() -> None:
    written = Written()

    await Pace(written.write, 1_000).run(count=25)

    assert written.ended == 25


async def test_it_is_no_faster_than_it_should_be() -> None:
    written, loop = Written(), asyncio.get_running_loop()
    began = loop.time()

    await Pace(written.write, 100).run(count=20)

    assert loop.time() - began >= 0.19


async def test_what_is_begun_when_it_is_stopped_is_ended() -> None:
    written = Written()
    written.gate.clear()
    async with paced(written.write, 1_000):
        await eventually(lambda: written.begun, 10, "one is begun")
        asyncio.get_running_loop().call_later(0.05, written.gate.set)

    assert written.begun == written.ended > 0


async def test_nothing_is_written_after_the_block() -> None:
    written = Written()
    async with paced(written.write, 1_000):
        await eventually(lambda: written.ended > 5, 10, "some are written")
    count = written.begun

    await asyncio.sleep(0.05)

    assert written.begun == count


async def test_a_pace_may_change_and_pause() -> None:
    written = Written()
    async with paced(written.write, 0) as pace:
        await asyncio.sleep(0.1)
        assert written.begun == 0

        pace.per_second = 1_000

        await eventually(lambda: written.ended > 5, 10, "some are written")


async def test_what_writing_raises_is_raised() -> None:
    async def write() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        async with paced(write, 1_000):
            await asyncio.sleep(0.1)


async def test_a_block_that_raises_waits_for_nothing() -> None:
    written = Written()
    written.gate.clear()

    async def give_up() -> None:
        async with paced(written.write, 1_000):
            await eventually(lambda: written.begun, 10, "one is begun")
            raise LookupError

    with pytest.raises(LookupError):
        await give_up()

    assert written.ended == 0


class Topics:
    """Names topics as they are."""

    def name(self, topic: str) -> str:
        return topic


class Producer:
    """Keeps what it is given, until it is full."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_full = False

    async def send(self, topic: str, value: bytes, key: bytes) -> None:
        if self.is_full:
            raise TimeoutError
        self.sent.append(value)


async def test_orders_are_numbered_for_each_user_once_they_are_written() -> None:
    producer: Any = Producer()
    topics: Any = Topics()
    orders = Orders(producer, topics)
    for user in ("u-1", "u-2", "u-1"):
        await orders.write(user)
    producer.is_full = True

    with pytest.raises(TimeoutError):
        await orders.write("u-1")

    assert orders.written == Counter({"u-1": 2, "u-2": 1})
    assert [b'"orderId": "%d"' % number in value for number, value in zip((1, 1, 2), producer.sent, strict=True)]
