"""One run: a crowd that comes and goes, events all the while, one fault, and then the judge."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Final

from aiokafka.errors import KafkaError

from chaos.crowd import Crowd
from chaos.faults import Fault
from chaos.judge import Verdict, judge
from chaos.ledger import EventId, Ledger
from chaos.producer import Producer
from chaos.stage import Stage
from parts.apache_kafka import ApacheKafka
from parts.waiting import eventually

CONNECT_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 60.0
# What an event takes from its producer to a device in quiet times, at most, as a multiple of the 95th percentile.
NORMAL_FACTOR: Final = 3.0
NORMAL_AT_LEAST_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Plan:
    """Sizes of a scenario."""

    users: int
    events: int  # at least
    events_per_second: float
    calm_seconds: float  # before the fault
    after_seconds: float  # of fresh events, after it
    hold_seconds: float


FULL: Final = Plan(200, events=5_000, events_per_second=200, calm_seconds=5, after_seconds=8, hold_seconds=12)
QUICK: Final = Plan(200, events=1_200, events_per_second=150, calm_seconds=2, after_seconds=4, hold_seconds=6)


@dataclass
class Outcome:
    """What came of a scenario. `seconds_to_recover`: from the fault's end until fresh events were as quick as ever."""

    fault: str
    promise: str
    verdict: Verdict = field(default_factory=Verdict)
    fault_seconds: float = 0.0
    seconds_to_recover: float | None = None
    normal_seconds: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)  # why it could not be carried out, or did not come to rest
    logs: dict[str, str] = field(default_factory=dict)  # then: what the parts said last

    @property
    def is_green(self) -> bool:
        """Whether nothing is wrong, and all of it was judged."""
        return not self.problems and not self.verdict.violations


class Progress:
    """Whom a scenario tells how far it is."""

    def __init__(self) -> None:
        self._producer: Producer | None = None
        self._ledger = Ledger()
        self.current_phase = ""

    def begin(self, producer: Producer, ledger: Ledger) -> None:
        """A scenario begins."""
        self._producer, self._ledger = producer, ledger

    def phase(self, name: str) -> None:
        """A phase of it begins."""
        self.current_phase = name

    def __str__(self) -> str:
        produced = 0 if self._producer is None else self._producer.sent
        delivered = sum(len(c.heard) for device in self._ledger.devices for c in device.connections)
        return f"{self.current_phase}: {produced:,} events produced, {delivered:,} messages delivered"


async def run(
    fault: Fault,
    plan: Plan,
    kafka: ApacheKafka,
    directory: Path,
    progress: Progress,
    *,
    seed: int = 0,
    stage_type: type[Stage] = Stage,
) -> Outcome:
    """Run one scenario. What goes wrong on the way is a problem of the outcome; what was heard is judged all the same.

    `seed` makes the crowd's choices; `stage_type` may lead the crowd through something of its own.
    """
    outcome = Outcome(fault.name, fault.promise)
    began, ledger, chance = time.monotonic(), Ledger(), random.Random(seed)
    stage = stage_type(directory, kafka, chance)
    crowd = Crowd(plan.users, stage.issuer, stage.urls, stage.pod_urls, chance)
    ledger.devices = crowd.logs
    producer = Producer(stage.topics, crowd.users, ledger, chance)
    progress.begin(producer, ledger)
    try:
        progress.phase("setting up")
        await fault.plot(stage)
        async with stage.running():
            async with crowd:
                with _noting(outcome, stage):
                    await _play(fault, plan, stage, crowd, producer, ledger, progress)
                    await _come_to_rest(crowd, producer, progress)
            with _noting(outcome, stage):
                await producer.read_back()
    except* (AssertionError, KafkaError, OSError) as errors:
        outcome.problems += map(_told, errors.exceptions)
    progress.phase("judging")
    if not ledger.produced:
        outcome.problems.append("what Kafka holds is not known, so nothing could be judged")
    outcome.verdict = judge(ledger, fault.terms)
    if not outcome.verdict.is_mostly_judged:
        outcome.problems.append("so much was excused that the rest proves nothing")
    if ledger.struck_at is not None and ledger.mended_at is not None:
        outcome.fault_seconds = ledger.mended_at - ledger.struck_at
        outcome.normal_seconds, outcome.seconds_to_recover = time_to_recover(ledger)
    outcome.seconds = time.monotonic() - began
    return outcome


@contextmanager
def _noting(outcome: Outcome, stage: Stage) -> Iterator[None]:
    """What goes wrong is a problem of this scenario, told with what the parts said last."""
    try:
        yield
    except* (AssertionError, KafkaError, OSError) as errors:
        outcome.problems += map(_told, errors.exceptions)
        outcome.logs = dict(stage.logs())


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_told, error.exceptions))
    return "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])


async def _play(
    fault: Fault, plan: Plan, stage: Stage, crowd: Crowd, producer: Producer, ledger: Ledger, progress: Progress
) -> None:
    progress.phase("connecting")
    await _everybody_listens(crowd, CONNECT_SECONDS)
    crowd.begin()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(producer.run(plan.events_per_second, plan.events))
        progress.phase("calm")
        await asyncio.sleep(plan.calm_seconds)
        progress.phase("fault")
        ledger.struck_at = time.monotonic()
        await fault.strike(stage, crowd)
        ledger.mended_at = time.monotonic()
        progress.phase("recovering")
        await asyncio.sleep(plan.after_seconds)
        await fault.mend(stage)
        producer.stop()


async def _come_to_rest(crowd: Crowd, producer: Producer, progress: Progress) -> None:
    """Let everybody come back, and say a last word to each, twice: who hears that will hear nothing older any more."""
    progress.phase("settling")
    crowd.settle()
    for _ in range(2):
        await _everybody_listens(crowd, SETTLE_SECONDS)
        await producer.send_one_of_each()
        try:
            await eventually(
                lambda: not _behind(crowd, producer), SETTLE_SECONDS, "each device has heard each order's last event"
            )
        except AssertionError as error:
            behind = _behind(crowd, producer)
            error.add_note(f"{len(behind)} streams are behind, such as {', '.join(behind[:10])}")
            raise


async def _everybody_listens(crowd: Crowd, timeout_seconds: float) -> None:
    try:
        await eventually(crowd.all_listen, timeout_seconds, "the whole crowd listens")
    except AssertionError as error:
        absent = crowd.absent()
        error.add_note(f"{len(absent)} devices do not, such as {'; '.join(absent[:10])}")
        raise


def _behind(crowd: Crowd, producer: Producer) -> list[str]:
    crowd.check()
    behind = []
    for device in crowd.devices:
        keys = producer.last if device.log.hears_all else producer.keys_of(device.log.user)
        behind += [
            f"{device.log.name}: {stream} of {key} at {device.latest.get((stream, key), 0)}, not {producer.last[key]}"
            for stream in device.log.streams
            for key in keys
            if device.latest.get((stream, key), 0) < producer.last[key]
        ]
    return behind


def time_to_recover(ledger: Ledger) -> tuple[float, float | None]:
    """How slow an event may normally be, and how long after the fault's end fresh ones still were slower, in seconds.

    Of devices that never leave by themselves; None: some never came.
    """
    heard_at: dict[EventId, float] = {}
    for device in ledger.devices:
        if device.is_steady:
            for connection in device.connections:
                for heard in connection.heard:
                    if heard.stream == device.streams[0]:
                        heard_at[heard.event] = min(heard.at, heard_at.get(heard.event, heard.at))
    steady = {device.user for device in ledger.devices if device.is_steady}
    assert ledger.struck_at is not None
    assert ledger.mended_at is not None
    sent = [(event, at) for event, at in ledger.sent_at.items() if event.owner in steady]
    calm = [heard_at[event] - at for event, at in sent if event in heard_at and heard_at[event] < ledger.struck_at]
    usual = quantiles(calm, n=20)[-1] if len(calm) > 1 else 0.0
    normal = max(NORMAL_AT_LEAST_SECONDS, NORMAL_FACTOR * usual)
    late_at = [ledger.mended_at]
    for event, at in sent:
        if at >= ledger.mended_at:
            if event not in heard_at:
                return normal, None
            if heard_at[event] - at > normal:
                late_at.append(heard_at[event])
    return normal, max(late_at) - ledger.mended_at
