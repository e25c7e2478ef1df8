"""Pods that subscribe, let go and publish at random, against a model of what each of them must and may hear."""

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from suites.listening import ListeningPod, publication

NEVER = float("inf")


@dataclass
class Span:
    """One subscription of a pod to a room, in steps of a clock that ticks with everything that happens."""

    asked: float
    sure: float = NEVER
    """From here on it must hear."""
    let_go: float = NEVER
    """What was published from here on it need not hear."""


@dataclass
class Published:
    """One message."""

    packet: str
    rooms: tuple[str, ...]
    asked: float
    done: float = NEVER


@dataclass
class Model:
    """What has happened, and when."""

    ticks: "itertools.count[int]" = field(default_factory=itertools.count)
    spans: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)

    def now(self) -> int:
        return next(self.ticks)

    def must_hear(self, pod: str, room: str, message: Published) -> bool:
        return any(span.sure < message.asked and message.done < span.let_go for span in self.spans.get((pod, room), ()))

    def may_hear(self, pod: str, room: str, message: Published) -> bool:
        # Nothing of before it first asked; a room that was let go stays for a while.
        return any(span.asked < message.done for span in self.spans.get((pod, room), ()))


async def check_that_pods_hear_exactly_what_was_published_meanwhile(
    pods: Sequence[ListeningPod],
    choice: random.Random,
    steps: int = 150,
    members: int = 4,
    at_the_end_of_steps: Callable[[], object] | None = None,
) -> None:
    """Let several members of each pod come and go and publish, all at once, then compare with the model."""
    model = Model()
    rooms = [f"room {n}" for n in range(6)]
    await asyncio.gather(
        *(
            _live(model, pod, f"{pod.id}/{n}", rooms, random.Random(choice.random()), steps)
            for pod in pods
            for n in range(members)
        )
    )
    if at_the_end_of_steps is not None:
        at_the_end_of_steps()
    for pod in pods:
        await pod.has_heard_all()
    compare(model, pods, rooms)


async def _live(
    model: Model, pod: ListeningPod, name: str, rooms: Sequence[str], choice: random.Random, steps: int
) -> None:
    # Each member has rooms of its own, as a pod's manager lets go of a room with the last member alone; all members
    # come into the room that the last one has just left.
    for step in range(steps):
        match choice.randrange(6):
            case 0 | 1:
                wanted = choice.sample(rooms, choice.randint(1, 3))
                await subscribe(model, pod, wanted)
            case 2:
                await let_go(model, pod, choice.sample(rooms, choice.randint(1, 3)))
            case 3:
                await asyncio.sleep(choice.uniform(0, 0.01))
            case _:
                await publish(model, pod, f"{name}.{step}", tuple(choice.sample(rooms, choice.randint(1, 3))))


async def subscribe(model: Model, pod: ListeningPod, rooms: Sequence[str]) -> None:
    spans = []
    for room in rooms:
        span = Span(model.now())
        model.spans.setdefault((pod.id, room), []).append(span)
        spans.append(span)
    await pod.broker.subscribe(rooms)
    for span in spans:
        span.sure = model.now()


async def let_go(model: Model, pod: ListeningPod, rooms: Sequence[str]) -> None:
    # What is on its way when a room is let go may be lost with it; what was published before this, cannot be.
    before = model.now()
    await pod.has_heard_all()
    for room in rooms:
        for span in model.spans.get((pod.id, room), ()):
            span.let_go = min(span.let_go, before)
    pod.broker.unsubscribe(rooms)


async def publish(model: Model, pod: ListeningPod, packet: str, rooms: tuple[str, ...]) -> None:
    message = Published(packet, rooms, model.now())
    model.published.append(message)
    assert await pod.broker.publish_once([publication(packet, *rooms)])
    message.done = model.now()


def compare(model: Model, pods: Sequence[ListeningPod], rooms: Sequence[str]) -> None:
    """Nothing lost, nothing twice, nothing turned around, nothing from before."""
    messages = {message.packet: message for message in model.published}
    for pod in pods:
        heard = [(d.packet.decode(), d.room) for d in pod.deliveries]
        assert len(heard) == len(set(heard)), "something was heard twice"
        by_epoch = sorted(pod.deliveries, key=lambda delivery: delivery.epoch)  # keeps the order in each
        turned_around = [(a, b) for a, b in itertools.pairwise(by_epoch) if a.epoch == b.epoch and a.offset > b.offset]
        assert turned_around == [], "something was turned around"
        must = {(m.packet, room) for m in messages.values() for room in m.rooms if model.must_hear(pod.id, room, m)}
        assert must - set(heard) == set(), "something was lost"
        assert [(p, room) for p, room in heard if not model.may_hear(pod.id, room, messages[p])] == []
    assert sum(len(pod.deliveries) for pod in pods) > len(messages) / 10, "the model has tested nothing"
