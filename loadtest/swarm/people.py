"""Who comes: each connects, follows what is theirs, and judges all that they hear."""

import math
import random
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

import gevent
from locust import User, constant, task

from swarm import crowd
from swarm.client import Client, Refused
from swarm.ledger import Ledger, Written, event_id
from swarm.links import LINKS, LinkLost, TurnedAway

KIND: Final = "socketio"
# socket.io-client's defaults: reconnectionDelay, reconnectionDelayMax, randomizationFactor.
FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 5.0
JITTER: Final = 0.5
# How long one turn of listening lasts, at the end of which it looks whether something else is to be done.
TURN_SECONDS: Final = 1.0
# What was written earlier than that before somebody leaves in the midst of a run must have come.
UNDER_WAY_SECONDS: Final = 10.0


class Lost(Exception):
    """Messages did not come, or came twice."""


class Device(User):
    """One socket. Subclasses say what it follows."""

    abstract = True
    wait_time = constant(0)
    roles: ClassVar[tuple[str, ...]] = ()
    commands: ClassVar[tuple[str, ...]] = ()
    numbered: ClassVar[frozenset[str]] = frozenset()
    """Messages of which none may be missing."""
    unrepeated: ClassVar[frozenset[str]] = frozenset()
    """Messages of which some may be left out, as of stock levels for a slow client, but not the last of a product, and
    none may come twice."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        crowd_now = crowd.now()
        self.person = crowd_now.new_person()
        transport = crowd_now.transport()
        token = crowd_now.signer.token(self.person, *self.roles)
        self.client = Client(partial(LINKS[transport], str(self.host)), token, self._hear, crowd_now.count)
        self._ledger = Ledger()
        self._follows = False
        self._storms_seen = crowd_now.storms
        self._attempts = 0
        self._lost_at: float | None = None
        self._connected_at = 0.0  # by the calendar, as Kafka's timestamps are
        crowd_now.listeners.add(self)

    @task
    def live(self) -> None:
        """Be connected until something ends that, and then come back as the stock client does."""
        try:
            self._come()
            while True:
                self._stay()
        except TurnedAway as away:
            self._count("turned away (503)")
            gevent.sleep(away.retry_after_seconds * random.uniform(1, 1 + JITTER))
        except Refused as refused:
            self._count("connect", failure=refused)
            self._back_off()
        except LinkLost as lost:
            if self._lost_at is None:
                self._lost_at = time.monotonic()
                # Who was told to, as pods leave, or left by itself, is back in a moment; it is counted, and no failure.
                self._count(f"connection lost: {_short(lost)}")
            else:
                self._count("connect", failure=lost)
            self._back_off()

    def on_stop(self) -> None:
        """Go."""
        here = crowd.now()
        here.people.discard(self.person)
        here.listeners.discard(self)
        if not here.is_judged and self._lost_at is None:
            self.tell_owed(time.monotonic() - UNDER_WAY_SECONDS)
        self.client.leave()

    @property
    def is_owed(self) -> bool:
        """Whether Kafka has taken something that it should hear and has not heard."""
        return next(self._owed(), None) is not None

    def tell_owed(self, until: float = math.inf) -> None:
        """Count what of all that was written until then never came."""
        for text in self._owed(until):
            self._count("gap", failure=Lost(f"{text} never came to {self.person}"))

    def _come(self) -> None:
        began = time.monotonic()
        came_back = self.client.has_been_here
        self._connected_at = time.time()
        said = self.client.connect()
        self._count("connect", began)
        if not said["recovered"]:
            self._ledger.begin_anew()
            self._follows = False
            if came_back:
                self._count("recover", failure=Lost(str(said.get("reason"))))
        elif came_back:
            self._count("recover", began)
        if not self._follows:  # also where the connection was lost before the server had answered
            for command in self.commands:
                asked = time.monotonic()
                self.client.ask(command)
                self._count("subscribe", asked)
            self._follows = True
            self._ledger.follow(time.monotonic())
        if self._lost_at is not None:
            self._count("reconnect", self._lost_at)
        self._lost_at, self._attempts = None, 0
        self._is_here()

    def _stay(self) -> None:
        self.client.listen(time.monotonic() + TURN_SECONDS)
        if self._storms_seen != (storms := crowd.now().storms):
            self._storms_seen = storms
            self.client.drop()
            raise LinkLost("storm")

    def _back_off(self) -> None:
        self.client.drop()
        delay = min(FIRST_DELAY_SECONDS * 2**self._attempts, LONGEST_DELAY_SECONDS)
        self._attempts += 1
        gevent.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))

    def _is_here(self) -> None:
        """Follows what it wants to."""

    def _written(self, stream: str) -> Written:
        return crowd.now().orders if stream in self.numbered else crowd.now().stock

    def _keys(self, stream: str) -> Iterable[str]:
        """Of what was written: that which it follows."""
        return self._written(stream)

    def _owed(self, until: float = math.inf) -> Iterator[str]:
        for stream in (*self.numbered, *self.unrepeated):
            for owed in self._ledger.owed(stream, self._written(stream), self._keys(stream), until):
                yield f"the last {owed.missing} of {stream} until {event_id(owed.key, owed.last)}"

    def _hear(self, name: str, data: dict[str, Any]) -> None:
        if name not in self.numbered and name not in self.unrepeated:
            return
        verdict = self._ledger.hear(name, data.get("eventId", ""), self._written(name))
        if verdict is None:
            return
        if verdict.is_repeated:
            self._count("duplicate", failure=Lost(f"{name} {data['eventId']} came again to {self.person}"))
            return
        if verdict.missing and name in self.numbered:
            self._count(
                "gap", failure=Lost(f"{verdict.missing} of {name} before {data['eventId']} never came to {self.person}")
            )
        written = datetime.fromisoformat(data["timestamp"]).timestamp()
        late_ms = max(time.time() - written, 0.0) * 1_000
        # What came while it was away is late by its own doing.
        self._fire(f"deliver {name}" if written >= self._connected_at else "caught up", late_ms)

    def _count(self, name: str, began: float | None = None, failure: Exception | None = None) -> None:
        self._fire(name, 0.0 if began is None else (time.monotonic() - began) * 1_000, failure)

    def _fire(self, name: str, milliseconds: float, failure: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=KIND, name=name, response_time=milliseconds, response_length=0, exception=failure, context={}
        )


class Shopper(Device):
    """Follows their own orders."""

    weight = 20
    commands = ("subscribe:orders",)
    numbered = frozenset({"order:updated", "notification"})

    def _is_here(self) -> None:
        crowd.now().people.add(self.person)

    def _keys(self, stream: str) -> Iterable[str]:  # noqa: ARG002 - all are of the same
        return (crowd.order_of(self.person),)


class FlakyMobile(Shopper):
    """A shopper in a train: every few seconds the connection breaks for two, and not a message may be missing."""

    weight = 4
    stays_seconds = (4.0, 12.0)
    away_seconds = 2.0

    def _come(self) -> None:
        super()._come()
        self._leaves_at = time.monotonic() + random.uniform(*self.stays_seconds)

    def _stay(self) -> None:
        super()._stay()
        if time.monotonic() >= self._leaves_at:
            self.client.drop()
            self._lost_at = time.monotonic()
            gevent.sleep(self.away_seconds)
            self._come()


class InventoryWatcher(Device):
    """Follows the stock of all products."""

    weight = 2
    commands = ("subscribe:inventory",)
    unrepeated = frozenset({"inventory:updated"})


class AdminDesk(Device):
    """Sees every order."""

    weight = 1
    roles = ("admin",)
    commands = ("subscribe:admin",)
    numbered = frozenset({"admin:order:updated"})
    unrepeated = frozenset({"admin:inventory:updated"})


def _short(lost: LinkLost) -> str:
    """Of few words, for each text is an entry of its own in the statistics."""
    text = str(lost)
    return next(
        (known for known in ("storm", "closed with 1013", "closed with 1001", "fell silent", "503") if known in text),
        "cut",
    )
