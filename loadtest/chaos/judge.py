"""Whether every event arrived where it was owed: once, in order, and nowhere else.

A device that keeps its place is owed every event of its user, in each stream that it follows, whatever happened to its
connections. Devices that keep nothing are owed them together: what one of a user's devices has heard, the others that
were away are not told. Nobody is owed what somebody else's events say.

Three things excuse a gap, and all are counted and shown:

- *told*: the server said that it could not go on (`recovered: false` and a reason that the scenario's `Terms` allow),
  and the gap lies just before;
- *unjudged*: a device that keeps nothing lost its connection without a goodbye. What was on its way to it then, nobody
  can know; so the events next to that moment may be missing or come again. So may they where it left, or came back,
  while a pod that could not say so was still taken to hold a device of its user (`Terms.presence_lags`);
- *forgotten*: what waited in Redis for a user whose devices keep nothing is gone where Redis has lost its data, and the
  `Terms` say so.

A run of events that comes again is *repeated* where the `Terms` allow that, because Redis has lost what it had
acknowledged: their places show that they were published again, and when they came, that it was during the fault.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from chaos.ledger import Connection, DeviceLog, Ending, EventId, Heard, Keeps, Ledger


class Wrong(StrEnum):
    """What a violation is."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    MISORDERED = "misordered"
    MISROUTED = "misrouted"
    UNRECOVERED = "unrecovered"  # who came back was told that it cannot go on, though nothing was lost
    REFUSED = "refused"  # who may connect was told to stay away
    UNREADABLE = "unreadable"  # a message that is no event of ours
    UNKNOWN = "unknown"  # what was produced cannot be known, so nothing can be said about it


class Excuse(StrEnum):
    """Why a message need not have been heard."""

    TOLD = "told"
    FORGOTTEN = "forgotten"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that went wrong, with what it takes to look for the cause."""

    wrong: Wrong
    device: str
    stream: str
    event: EventId | None
    about: str
    history: str

    def __str__(self) -> str:
        event = "" if self.event is None else f" {self.event}"
        return f"{self.wrong.upper()} {self.stream}{event} at {self.device}: {self.about}\n{self.history}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a scenario allows, because the documentation says so.

    `reasons` are those for which a returning client may be told that it cannot go on. `published_again`: Redis loses
    what it had acknowledged last, and that comes again. `data_lost`: it loses all, so also what waited for absent
    users. `presence_lags`: a pod cannot say that its clients have left, and until its lease ends the others take their
    users to be still there.
    """

    reasons: frozenset[str] = frozenset()
    published_again: bool = False
    data_lost: bool = False
    presence_lags: bool = False


STRICT: Final = Terms()
# A pod that has heard a goodbye tells the others within this time.
SAYING_SECONDS: Final = 1.0
# After a pod has died or fallen silent, its devices count as present so long: `presence.lease_seconds`, and a little.
LEASE_SECONDS: Final = 6.0
# Then the server has forgotten the session, not what was published: what came to the user is told all the same.
SESSION_LOST: Final = "unknown_session"
USER_STREAM: Final = "notification"
# Of the messages that were heard. Where Redis loses all, which excuses most, it is a thirtieth in a full run; a server
# that tells everybody that it cannot go on would be excused everything.
EXCUSED_MAX_SHARE: Final = 0.25


@dataclass(slots=True)
class Verdict:
    """What was found. `deliveries` counts messages heard; the rest counts messages, too."""

    events: int = 0
    users: int = 0
    devices: int = 0
    deliveries: int = 0
    told: int = 0
    repeated: int = 0
    forgotten: int = 0
    unjudged: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def is_mostly_judged(self) -> bool:
        """Whether so little was excused that the rest proves something."""
        excused = self.told + self.repeated + self.forgotten + self.unjudged
        return excused <= EXCUSED_MAX_SHARE * self.deliveries

    def count(self, wrong: Wrong) -> int:
        """How many violations of a kind there are."""
        return sum(violation.wrong is wrong for violation in self.violations)


def judge(ledger: Ledger, terms: Terms = STRICT) -> Verdict:
    """Hold what was heard against what was produced."""
    verdict = Verdict(
        events=sum(map(len, ledger.produced.values())),
        users=len({device.user for device in ledger.devices}),
        devices=len(ledger.devices),
        deliveries=sum(len(c.heard) for device in ledger.devices for c in device.connections),
    )
    verdict.violations += _unknown(ledger.produced)
    for device in ledger.devices:
        verdict.violations += _misrouted_or_refused(device)
        verdict.violations += _unrecovered(device, terms)
        verdict.violations += _places_that_went_back(device)
    for devices in _judged_together(ledger.devices):
        for stream in devices[0].streams:
            for key, numbers in ledger.produced.items():
                if devices[0].hears_all or EventId(key, 0).owner == devices[0].user:
                    _Stream(verdict, terms, ledger, devices, stream, key).judge(numbers)
    return verdict


def _judged_together(devices: Iterable[DeviceLog]) -> Iterator[Sequence[DeviceLog]]:
    share: dict[str, list[DeviceLog]] = defaultdict(list)
    for device in devices:
        if device.keeps is Keeps.NOTHING:
            share[device.user].append(device)
        else:
            yield [device]
    yield from share.values()


def _unknown(produced: Mapping[str, Sequence[int]]) -> Iterator[Violation]:
    for key, numbers in produced.items():
        if list(numbers) != list(range(1, len(numbers) + 1)):
            about = f"Kafka holds it as {list(numbers)}, not each number once and in order"
            yield Violation(Wrong.UNKNOWN, key, "", None, about, "")


def _misrouted_or_refused(device: DeviceLog) -> Iterator[Violation]:
    for number, connection in enumerate(device.connections, 1):
        for heard in connection.heard:
            is_own = device.hears_all or heard.event.owner == device.user
            if not is_own or heard.stream not in device.streams:
                about = f"{'it may not see that' if not is_own else 'it did not ask for that'}, on connection {number}"
                yield _violation(Wrong.MISROUTED, device, heard.stream, heard.event, about)
    for refusal in device.refusals:
        yield _violation(Wrong.REFUSED, device, "", None, refusal)
    for message in device.unreadable:
        yield _violation(Wrong.UNREADABLE, device, "", None, message)


def _unrecovered(device: DeviceLog, terms: Terms) -> Iterator[Violation]:
    for number, connection in enumerate(device.connections, 1):
        if connection.came_back and connection.recovered is False and connection.reason not in terms.reasons:
            about = f"on connection {number} it was told {connection.reason or 'no reason'}"
            yield _violation(Wrong.UNRECOVERED, device, "", None, about)


def _places_that_went_back(device: DeviceLog) -> Iterator[Violation]:
    """A message at a place before that of an earlier one: a client that keeps places would come back too far."""
    last: dict[str, tuple[int, Heard]] = {}
    for connection in device.connections:
        for heard in connection.heard:
            for epoch, offset in _places(heard):
                before = last.get(epoch)
                if before is not None and offset < before[0]:
                    about = f"at {heard.place}, behind {before[1].event} at {before[1].place}"
                    yield _violation(Wrong.MISORDERED, device, heard.stream, heard.event, about)
                last[epoch] = (offset, heard)


def _places(heard: Heard) -> Iterator[tuple[str, int]]:
    for place in (heard.place or "").split(","):
        epoch, mark, offset = place.partition(":")
        if mark:
            yield epoch, int(offset)


def _violation(
    wrong: Wrong, device: DeviceLog, stream: str, event: EventId | None, about: str, history: str | None = None
) -> Violation:
    return Violation(wrong, device.name, stream, event, about, device.history() if history is None else history)


@dataclass(slots=True)
class _At:
    """Where a number was heard: by which connection of which device, and as which of all."""

    heard: Heard
    connection: int


class _Stream:
    """One key's events in one stream, at those who are owed them together."""

    def __init__(
        self, verdict: Verdict, terms: Terms, ledger: Ledger, devices: Sequence[DeviceLog], stream: str, key: str
    ) -> None:
        self._verdict = verdict
        self._terms = terms
        self._ledger = ledger
        self._devices = devices
        self._stream = stream
        self._key = key

    def judge(self, numbers: Sequence[int]) -> None:
        """Find what is missing, came twice, or came out of order."""
        for device in self._devices:
            self._judge_order(device)
        by_device = {device.name: Counter(at.heard.event.number for at in self._at(device)) for device in self._devices}
        heard = set().union(*by_device.values())
        owed = set(numbers)
        for number in sorted(heard - owed):
            self._violates(Wrong.MISROUTED, self._devices[0], number, "nobody has produced it")
        for number in sorted(owed - heard):
            excuses = {excuse for device in self._devices for excuse in self._excuses(device, number)}
            if Excuse.TOLD in excuses:
                self._verdict.told += 1
            elif Excuse.FORGOTTEN in excuses:
                self._verdict.forgotten += 1
            elif excuses:
                self._verdict.unjudged += 1
            else:
                self._violates(Wrong.LOST, self._devices[0], number, self._sent(number))

    def _at(self, device: DeviceLog) -> Iterator[_At]:
        for number, connection in enumerate(device.connections):
            for heard in connection.heard:
                if heard.stream == self._stream and heard.event.key == self._key:
                    yield _At(heard, number)

    def _judge_order(self, device: DeviceLog) -> None:
        """Each number but once, and above all before it; a run that comes again may be excused."""
        first: dict[int, _At] = {}
        highest = 0
        for at in self._at(device):
            number = at.heard.event.number
            if number in first:
                self._judge_again(device, at, first[number])
            elif number < highest:
                self._violates(Wrong.MISORDERED, device, number, f"behind {highest}, on connection {at.connection + 1}")
            first[number] = at
            highest = max(highest, number)

    def _judge_again(self, device: DeviceLog, at: _At, before: _At) -> None:
        number = at.heard.event.number
        if self._was_published_again(device, before.heard, at.heard):
            self._verdict.repeated += 1
        elif any(
            self._is_uncertain(device, *pair)
            for pair in pairwise(device.connections[before.connection : at.connection + 1])
        ):
            self._verdict.unjudged += 1
        else:
            where = f"on connection {before.connection + 1}, and again on connection {at.connection + 1}"
            places = f" (at {before.heard.place}, then at {at.heard.place})" if at.heard.place else ""
            self._violates(Wrong.DUPLICATED, device, number, where + places)

    def _was_published_again(self, device: DeviceLog, before: Heard, again: Heard) -> bool:
        struck, mended = self._ledger.struck_at, self._ledger.mended_at
        if not self._terms.published_again or struck is None or mended is None:
            return False
        # What is told a device that keeps nothing has no place; the rest of it is judged as everybody's is.
        is_elsewhere = before.place != again.place or device.keeps is Keeps.NOTHING
        return is_elsewhere and before.at <= mended + SAYING_SECONDS and again.at >= struck

    def _excuses(self, device: DeviceLog, missing: int) -> Iterator[Excuse]:
        """What happened between the connections that heard what is next to it."""
        at = list(self._at(device))
        last = len(device.connections) - 1
        before = max((one.connection for one in at if one.heard.event.number < missing), default=0)
        after = min((one.connection for one in at if one.heard.event.number > missing), default=last)
        for left, came in pairwise(device.connections[before : after + 1]):
            if self._was_told(came):
                yield Excuse.TOLD
            elif self._is_uncertain(device, left, came):
                yield Excuse.UNJUDGED
            elif self._was_forgotten(device, left, came):
                yield Excuse.FORGOTTEN

    def _was_told(self, connection: Connection) -> bool:
        if connection.recovered is not False or connection.reason not in self._terms.reasons:
            return False
        return connection.reason != SESSION_LOST or self._stream != USER_STREAM

    def _is_uncertain(self, device: DeviceLog, left: Connection, came: Connection) -> bool:
        if device.keeps is not Keeps.NOTHING:
            return False
        if left.ending is not Ending.GOODBYE:
            return True
        struck, mended = self._ledger.struck_at, self._ledger.mended_at
        if not self._terms.presence_lags or struck is None or mended is None or left.ended_at is None:
            return False
        left_unnoticed = struck - SAYING_SECONDS <= left.ended_at <= mended
        return left_unnoticed or struck <= came.began_at <= mended + LEASE_SECONDS

    def _was_forgotten(self, device: DeviceLog, left: Connection, came: Connection) -> bool:
        struck, mended = self._ledger.struck_at, self._ledger.mended_at
        if not self._terms.data_lost or device.keeps is not Keeps.NOTHING or struck is None or left.ended_at is None:
            return False
        return came.began_at >= struck and (mended is None or left.ended_at <= mended)

    def _sent(self, number: int) -> str:
        sent_at = self._ledger.sent_at.get(EventId(self._key, number))
        struck, mended = self._ledger.struck_at, self._ledger.mended_at
        times = [("sent", sent_at), ("fault from", struck), ("to", mended)]
        return " ".join(f"{what} {at:.2f}" for what, at in times if at is not None) or "never heard"

    def _violates(self, wrong: Wrong, device: DeviceLog, number: int, about: str) -> None:
        together = self._devices if wrong is Wrong.LOST else [device]
        history = "\n".join(one.history() for one in together)
        event = EventId(self._key, number)
        self._verdict.violations.append(_violation(wrong, device, self._stream, event, about, history))
