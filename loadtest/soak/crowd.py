"""Everybody who is there, who comes and who goes; and the events that are written for them."""

import asyncio
import json
import random
import time
from typing import Final, Self

from aiokafka import AIOKafkaProducer

from parts.pod import Cluster
from parts.waiting import eventually
from soak.judge import Account
from soak.visitor import Kind, Visitor

# Of a hundred clients.
KINDS: Final = {Kind.WEBSOCKET: 60, Kind.POLLING: 15, Kind.FORGETFUL: 25}
TOKEN_SECONDS: Final = 86_400
COME_PER_SECOND: Final = 100
SECONDS_PER_MINUTE: Final = 60.0
# Of those who go, so many come back; in place of each other one somebody new comes.
COME_BACK_SHARE: Final = 0.5
ARRIVAL_SECONDS: Final = 30.0
# Between two looks at how many events are due.
PRODUCE_SECONDS: Final = 0.02


class Crowd:
    """Use it as `async with`. `per_second` is how many events are written from now on."""

    def __init__(self, cluster: Cluster, clients: int, churn: float, producer: AIOKafkaProducer) -> None:
        """Let a share of the clients go in each minute, and as many come."""
        self._cluster = cluster
        self._churn_seconds = SECONDS_PER_MINUTE / (churn * clients) if churn else None
        self._producer = producer
        self._users = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.account = Account()
        self.per_second = 0.0
        self.visitors = [self._new() for _ in range(clients)]

    def _new(self) -> Visitor:
        self._users += 1
        user = f"u-{self._users}"
        kind = random.choices(list(KINDS), list(KINDS.values()))[0]
        token = self._cluster.issuer.token(user, expires_in_seconds=TOKEN_SECONDS)
        return Visitor(user, token, self._cluster.url, kind, self.account)

    async def __aenter__(self) -> Self:
        for visitor in self.visitors:
            self._begin(visitor.live())
            await asyncio.sleep(1 / COME_PER_SECOND)
        await eventually(self._all_listen, ARRIVAL_SECONDS, "all clients are connected")
        self._begin(self._produce())
        if self._churn_seconds is not None:
            self._begin(self._churn(self._churn_seconds))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Write nothing more, and wait for what is on its way; what does not come is lost."""
        self.per_second = 0.0
        try:
            await eventually(lambda: all(v.hearing.has_all for v in self.visitors), ARRIVAL_SECONDS, "all is heard")
        except AssertionError:
            for visitor in self.visitors:
                visitor.hearing.end()

    def check(self) -> None:
        """Raise what has ended a part of it that should not have ended."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    @property
    def listening(self) -> int:
        """How many are connected, and in their rooms."""
        return sum(visitor.is_listening for visitor in self.visitors)

    def _all_listen(self) -> bool:
        self.check()
        return self.listening == len(self.visitors)

    def _begin(self, life: object) -> None:
        task = asyncio.create_task(life)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(lambda ended: None if ended.cancelled() or ended.exception() else self._forget(ended))

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)

    async def _churn(self, every_seconds: float) -> None:
        while True:
            await asyncio.sleep(random.expovariate(1 / every_seconds))
            at = random.randrange(len(self.visitors))
            visitor = self.visitors[at]
            if not visitor.is_listening:
                continue
            if random.random() < COME_BACK_SHARE:
                visitor.go()
                continue
            self.visitors[at] = self._new()  # from now on nothing is written for the other
            self._begin(self.visitors[at].live())
            self._begin(self._leave_for_good(visitor))

    async def _leave_for_good(self, visitor: Visitor) -> None:
        try:
            await eventually(lambda: visitor.hearing.has_all, ARRIVAL_SECONDS, "all is heard")
        except AssertionError:
            visitor.hearing.end()
        visitor.go(for_good=True)
        self.account.gone_for_good += 1

    async def _produce(self) -> None:
        due, topic = 0.0, self._cluster.topics.name("order.updated")
        before = time.monotonic()
        while True:
            await asyncio.sleep(PRODUCE_SECONDS)
            now = time.monotonic()
            due, before = due + (now - before) * self.per_second, now
            for visitor in random.choices(self.visitors, k=int(due)):
                order = {"orderId": str(visitor.hearing.send()), "userId": visitor.user, "status": "shipped"}
                await self._producer.send(topic, json.dumps(order).encode(), key=visitor.user.encode())
            due -= int(due)
