"""Numbered records at a pace, none of which is half written when the pace is stopped."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer

from parts.topics import Topics

# Between two looks at what is due, and at whether to stop.
LOOK_SECONDS_MIN: Final = 0.005
LOOK_SECONDS_MAX: Final = 0.05


class Pace:
    """Calls `write` so many times a second, one call after the other; who falls behind catches up.

    `per_second` may be changed while it runs; 0 pauses it.
    """

    def __init__(self, write: Callable[[], Awaitable[object]], per_second: float) -> None:
        self.per_second = per_second
        self._write = write
        self._is_stopped = False

    def stop(self) -> None:
        """Begin no further call; `run` returns when the last has ended. It is not cancelled: what is begun is whole."""
        self._is_stopped = True

    async def run(self, count: float = math.inf) -> None:
        """Go on until it is stopped, or until so many calls have been made."""
        made, due, before = 0, 0.0, time.monotonic()
        while made < count and not self._is_stopped:
            now = time.monotonic()
            due, before = due + (now - before) * self.per_second, now
            while due >= 1 and made < count and not self._is_stopped:
                await self._write()
                made, due = made + 1, due - 1
            seconds = (1 - due) / self.per_second if self.per_second else LOOK_SECONDS_MAX
            await asyncio.sleep(min(max(seconds, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX))


@asynccontextmanager
async def paced(write: Callable[[], Awaitable[object]], per_second: float) -> AsyncIterator[Pace]:
    """Write at a pace while the block runs; when it ends, the last call has ended, too.

    What `write` raises, this raises then. A block that raises cancels it: what it has written is not judged.
    """
    pace = Pace(write, per_second)
    running = asyncio.create_task(pace.run())
    try:
        yield pace
        pace.stop()
        await running
    finally:
        running.cancel()
        await asyncio.wait([running])


class Orders:
    """Writes `order.updated` records of users, each user's numbered from 1; they are in one partition, as their key is.

    `written` is each user's last number. It is noted when the record has been handed over, never before: a record that
    could not be is not owed to anybody. To be sure of them all, flush the producer.
    """

    def __init__(self, producer: AIOKafkaProducer, topics: Topics) -> None:
        self.written = Counter[str]()
        self._producer = producer
        self._topic = topics.name("order.updated")

    async def write(self, user: str) -> None:
        """Write the next order of a user; two calls for one user must not overlap."""
        number = self.written[user] + 1
        order = {"orderId": str(number), "userId": user, "status": "shipped"}
        await self._producer.send(self._topic, json.dumps(order).encode(), key=user.encode())
        self.written[user] = number
