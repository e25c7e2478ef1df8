"""Everybody who is there, who comes and who goes; and the events that are written for them."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from itertools import cycle, islice
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer

from parts.pod import Cluster
from parts.waiting import eventually
from soak.judge import Account
from soak.visitor import Kind, Visitor
from tool.producer import Orders, Pace

# Of a hundred clients.
KINDS: Final = {Kind.WEBSOCKET: 60, Kind.POLLING: 15, Kind.FORGETFUL: 25}
TOKEN_SECONDS: Final = 86_400
COME_PER_SECOND: Final = 100
SECONDS_PER_MINUTE: Final = 60.0
# Of two who go one comes back; in place of the other one somebody new comes.
COMES_BACK: Final = (True, False)
ARRIVAL_SECONDS: Final = 30.0


class Crowd:
    """Use it as `async with`. `per_second` is how many events are written from now on."""

    def __init__(self, cluster: Cluster, clients: int, churn: float, producer: AIOKafkaProducer) -> None:
        """Let a share of the clients go in each minute, and as many come."""
        self._cluster = cluster
        self._churn_seconds = SECONDS_PER_MINUTE / (churn * clients) if churn else None
        self._producer = producer
        self._orders = Orders(producer, cluster.topics)
        self._pace = Pace(self._write, 0.0)
        self._written_for: Visitor | None = None  # the record is being handed over, and not noted yet
        self._users = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._producing: asyncio.Task[None] | None = None
        self._churning: asyncio.Task[None] | None = None
        self._account = Account()
        self._of_gone = Account()
        self._leaving: set[Visitor] = set()
        kinds = [kind for kind, share in KINDS.items() for _ in range(share)]
        random.shuffle(kinds)
        self._visitors = [self._new(kind) for kind in islice(cycle(kinds), clients)]

    def _new(self, kind: Kind) -> Visitor:
        self._users += 1
        user = f"u-{self._users}"
        token = self._cluster.issuer.token(user, expires_in_seconds=TOKEN_SECONDS)
        return Visitor(user, token, self._cluster.url, kind, self._account)

    async def __aenter__(self) -> Self:
        for visitor in self._visitors:
            self._begin(self._life_of(visitor))
            await asyncio.sleep(1 / COME_PER_SECOND)
        await eventually(self._all_listen, ARRIVAL_SECONDS, "all clients are connected")
        self._producing = self._begin(self._pace.run())
        if self._churn_seconds is not None:
            self._churning = self._begin(self._churn(self._churn_seconds))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def per_second(self) -> float:
        """Events, for users by chance."""
        return self._pace.per_second

    @per_second.setter
    def per_second(self, per_second: float) -> None:
        self._pace.per_second = per_second

    @property
    def listening(self) -> int:
        """How many are connected, and in their rooms."""
        return sum(visitor.is_listening for visitor in self._visitors)

    def check(self) -> None:
        """Raise what has ended a part of it that should not have ended."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def settle(self) -> None:
        """Let nobody go any more, write nothing more, and wait for what is on its way. Raises what `check` does."""
        if self._churning is not None:
            self._churning.cancel()
        self._pace.stop()
        if self._producing is not None:
            await self._producing
        await self._producer.flush()
        with suppress(AssertionError):  # what has not come by then is lost
            await eventually(self._all_have_all, ARRIVAL_SECONDS, "all is heard")
        self.check()

    def account(self, *, is_settled: bool) -> Account:
        """Say what came of all so far; what is still on its way is lost when it is settled, and not judged before."""
        account = self._account
        account.verdict, account.unknowable = self._of_gone.verdict, self._of_gone.unknowable
        for visitor in (*self._visitors, *self._leaving):
            owed = self._orders.written[visitor.user] if is_settled else visitor.hearing.highest
            account.add(visitor.hearing.verdict(owed), is_known=visitor.is_known)
        return account

    def _all_listen(self) -> bool:
        self.check()
        return self.listening == len(self._visitors)

    def _all_have_all(self) -> bool:
        return all(map(self._has_all, (*self._visitors, *self._leaving)))

    def _has_all(self, visitor: Visitor) -> bool:
        is_noted = visitor is not self._written_for
        return is_noted and visitor.hearing.has_all(self._orders.written[visitor.user])

    def _begin(self, life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)

    async def _churn(self, every_seconds: float) -> None:
        # Evenly, and one of two for good: then what is kept of those who are gone is as much at any time, and what
        # grows is not chance.
        for comes_back in cycle(COMES_BACK):
            await asyncio.sleep(every_seconds)
            here = [place for place, visitor in enumerate(self._visitors) if visitor.is_listening]
            if not here:
                continue
            place = random.choice(here)
            visitor = self._visitors[place]
            if comes_back:
                visitor.go()
                continue
            self._leaving.add(visitor)
            # Of the same kind: pods have more tasks for who polls. From now on nothing is written for the other.
            self._visitors[place] = self._new(visitor.kind)
            self._begin(self._life_of(self._visitors[place]))
            self._begin(self._leave_for_good(visitor))

    async def _leave_for_good(self, visitor: Visitor) -> None:
        with suppress(AssertionError):  # what has not come by then is lost
            await eventually(lambda: self._has_all(visitor), ARRIVAL_SECONDS, "all is heard")
        visitor.go(for_good=True)
        self._account.gone_for_good += 1

    async def _life_of(self, visitor: Visitor) -> None:
        await visitor.live()
        self._leaving.discard(visitor)
        self._of_gone.add(visitor.hearing.verdict(self._orders.written[visitor.user]), is_known=visitor.is_known)

    async def _write(self) -> None:
        visitor = self._written_for = random.choice(self._visitors)
        await self._orders.write(visitor.user)
        self._written_for = None
