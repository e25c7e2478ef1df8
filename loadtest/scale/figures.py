"""What a step's readings come to, for each event, each message and each pod."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Final

from scale.outcome import Phase, Step
from scale.readings import Spent

US_PER_SECOND: Final = 1_000_000
IDLE, ORDERS, BURST, ADMINS, STOCK = "idle", "orders", "burst", "admins", "stock"


def of_pods(spent: Spent) -> float:
    """Of all pods together."""
    return sum(spent.pods.values())


def of_redis(spent: Spent) -> float:
    """Of Redis."""
    return spent.redis


def of_kafka(spent: Spent) -> float:
    """Of Kafka's broker: fetches of all pods, and the producer's requests."""
    return spent.kafka


def us_an_event(step: Step, phase: str, part: Callable[[Spent], float]) -> float:
    """A part's CPU above idling, for each event of a phase."""
    return _above_idle(step, phase, part) * US_PER_SECOND / step.phases[phase].events


def us_a_delivery(step: Step, phase: str) -> float:
    """CPU of all pods above idling, for each message written to a socket."""
    deliveries = sum(counts.deliveries for counts in step.phases[phase].reading.pods.values())
    return _above_idle(step, phase, of_pods) * US_PER_SECOND / deliveries


def pod_cores(step: Step, phase: str) -> float:
    """What a pod spends in a phase, in the mean, in cores."""
    reading = step.phases[phase].reading
    return fmean(reading.spent.pods.values()) / reading.seconds


def redis_cores(step: Step, phase: str) -> float:
    """What Redis spends in a phase, in cores."""
    reading = step.phases[phase].reading
    return reading.spent.redis / reading.seconds


def redis_a_second(step: Step, phase: str, what: str) -> float:
    """Commands, bytes_in or bytes_out of Redis in a second."""
    reading = step.phases[phase].reading
    return float(getattr(reading.redis, what)) / reading.seconds


def redis_an_event(step: Step, phase: str, what: str) -> float:
    """The same above idling, for each event."""
    above = redis_a_second(step, phase, what) - redis_a_second(step, IDLE, what)
    return above * step.phases[phase].reading.seconds / step.phases[phase].events


def busy_share(phase: Phase, cores: int) -> float:
    """How busy the whole machine was (0 to 1), whoever used it."""
    return phase.reading.spent.machine / phase.reading.seconds / cores


def others_share(phases: Sequence[Phase], cores: int) -> float:
    """How busy it was, in all of these, with what is no part of this run (0 to 1)."""
    readings = [phase.reading for phase in phases]
    own = [one.spent.load + one.spent.kafka + one.spent.redis + of_pods(one.spent) for one in readings]
    others = sum(one.spent.machine for one in readings) - sum(own)
    return max(0.0, others) / sum(one.seconds for one in readings) / cores


def _above_idle(step: Step, phase: str, part: Callable[[Spent], float]) -> float:
    idle, reading = step.phases[IDLE].reading, step.phases[phase].reading
    return part(reading.spent) - part(idle.spent) / idle.seconds * reading.seconds
