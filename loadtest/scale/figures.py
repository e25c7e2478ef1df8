"""What a step's readings come to, for each event, each message and each pod."""

from dataclasses import dataclass
from statistics import fmean
from typing import Final

from scale.outcome import Phase, Step

US_PER_SECOND: Final = 1_000_000
IDLE, ORDERS, BURST, ADMINS, STOCK = "idle", "orders", "burst", "admins", "stock"


@dataclass(frozen=True, slots=True)
class Spread:
    """Over the pods of a step."""

    mean: float
    lowest: float
    highest: float


def idle_cores(step: Step) -> Spread:
    """What a pod spends that has no socket and nothing to do, in cores."""
    idle = step.phases[IDLE].reading
    return _spread([spent / idle.seconds for spent in idle.spent.pods.values()])


def pod_cores(step: Step, phase: str) -> Spread:
    """What a pod spends in a phase, in cores."""
    reading = step.phases[phase].reading
    return _spread([spent / reading.seconds for spent in reading.spent.pods.values()])


def pod_us_an_event(step: Step) -> Spread:
    """CPU of a pod above its own idling, for each order event of its users: intake and delivery.

    Which pod takes in whose events is the group's choice, so the spread has intake's unevenness in it.
    """
    return _spread(
        [
            spent * US_PER_SECOND / (step.phases[ORDERS].reading.pods[name].deliveries / _messages_an_event(step))
            for name, spent in _above_idle(step, ORDERS).items()
        ]
    )


def pods_us_an_event(step: Step, phase: str = ORDERS) -> float:
    """CPU of all pods above idling, for each order event."""
    return sum(_above_idle(step, phase).values()) * US_PER_SECOND / step.phases[phase].events


def pod_us_a_delivery(step: Step, phase: str) -> float:
    """CPU of all pods above idling, for each message written to a socket."""
    deliveries = sum(counts.deliveries for counts in step.phases[phase].reading.pods.values())
    return sum(_above_idle(step, phase).values()) * US_PER_SECOND / deliveries


def busy_share(phase: Phase, cores: int) -> float:
    """How busy the whole machine was (0 to 1), whoever used it."""
    return phase.reading.spent.machine / phase.reading.seconds / cores


def others_share(phase: Phase, cores: int) -> float:
    """How busy it was with what is no part of this run (0 to 1)."""
    spent = phase.reading.spent
    own = spent.load + spent.kafka + spent.redis + sum(spent.pods.values())
    return max(0.0, spent.machine - own) / phase.reading.seconds / cores


def redis_cores(step: Step, phase: str) -> float:
    """What Redis spends in a phase, in cores."""
    reading = step.phases[phase].reading
    return reading.spent.redis / reading.seconds


def redis_us_an_event(step: Step, phase: str) -> float:
    """Redis' CPU above idling, for each event."""
    return _above(step, phase, "redis") * US_PER_SECOND / step.phases[phase].events


def kafka_us_an_event(step: Step) -> float:
    """The broker's CPU above idling, for each order event; fetches of all pods and the producer's requests."""
    return _above(step, ORDERS, "kafka") * US_PER_SECOND / step.phases[ORDERS].events


def redis_a_second(step: Step, phase: str, what: str) -> float:
    """Commands, bytes_in or bytes_out of Redis in a second."""
    reading = step.phases[phase].reading
    return float(getattr(reading.redis, what)) / reading.seconds


def redis_an_event(step: Step, phase: str, what: str) -> float:
    """The same above idling, for each event."""
    above = redis_a_second(step, phase, what) - redis_a_second(step, IDLE, what)
    return above * step.phases[phase].reading.seconds / step.phases[phase].events


def _messages_an_event(step: Step) -> float:
    orders = step.phases[ORDERS]
    return orders.messages / orders.events


def _above(step: Step, phase: str, part: str) -> float:
    idle, reading = step.phases[IDLE].reading, step.phases[phase].reading
    return float(getattr(reading.spent, part) - getattr(idle.spent, part) / idle.seconds * reading.seconds)


def _above_idle(step: Step, phase: str) -> dict[str, float]:
    idle, reading = step.phases[IDLE].reading, step.phases[phase].reading
    return {
        name: spent - idle.spent.pods[name] / idle.seconds * reading.seconds
        for name, spent in reading.spent.pods.items()
    }


def _spread(values: list[float]) -> Spread:
    return Spread(fmean(values), min(values), max(values))
