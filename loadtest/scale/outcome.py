"""What comes out of a run, as results.json has it, and how that is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from scale.readings import PodCounts, Reading

# A message that is later than this waited for the group, or for a busy core, not on its way.
LATE_SECONDS: Final = 0.25
# How many times the orders there are once, where the machine has room for it.
BURST_TIMES: Final = 10


@dataclass(frozen=True, slots=True)
class Work:
    """What each pod has to do: users with a socket and orders of their own, so many order events a second.

    The long phases last `seconds`, others half of that. Stock events are for all pods together: everybody hears each.
    """

    users: int
    events_per_second: float
    stock_events_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Phase:
    """What lies between beginning and end of a phase, how many events it had, and how late its messages were."""

    events: int
    messages: int
    p50_ms: float | None
    p99_ms: float | None
    reading: Reading


@dataclass(frozen=True, slots=True)
class Rebalance:
    """What events felt of a pod that came or went.

    `over_seconds`: from the pod's start, or SIGTERM, until nothing was late any more. `pause_seconds`: from the first
    event that was late until the last of them had come. Both are 0 when none was. `longest_wait_seconds`: of one event.
    """

    events: int
    late: int
    over_seconds: float
    pause_seconds: float
    longest_wait_seconds: float


@dataclass(frozen=True, slots=True)
class Memberless:
    """The pod that came, and has no socket: the rooms that it subscribed to, and what it took in and heard."""

    room_subscriptions: int
    counts: PodCounts


@dataclass(slots=True)
class Judgement:
    """Messages that were lost, came twice, out of order or to somebody else; sockets that had to come back."""

    lost: int = 0
    twice: int = 0
    misordered: int = 0
    misrouted: int = 0
    reconnects: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether there was nothing of that."""
        return not (self.lost or self.twice or self.misordered or self.misrouted or self.reconnects)


@dataclass
class Step:
    """One number of pods, in one repetition (from 0). `pod_report_bytes`: what a pod tells the others through Redis."""

    pods: int
    partitions: int
    admins: int
    work: Work
    repetition: int = 0
    pod_report_bytes: float = 0.0
    resident_bytes: float = 0.0
    phases: dict[str, Phase] = field(default_factory=dict)
    came: Rebalance | None = None
    went: Rebalance | None = None
    memberless: Memberless | None = None
    judgement: Judgement = field(default_factory=Judgement)


@dataclass(frozen=True, slots=True)
class Copies:
    """Redis' CPU for each message that is published, alone, to so many subscribers."""

    subscribers: int
    us_a_message: float


@dataclass(frozen=True)
class Kept:
    """What of results.json others go on with."""

    machine: Mapping[str, str]
    cores: int
    steps: list[Step]
    copies: list[Copies]


def read(results: Path) -> Kept:
    """Read results.json. Raises `ValueError` where it is another tool's, `OSError` where there is none."""
    return TypeAdapter(Kept).validate_json(results.read_bytes())


def by_pods(steps: Sequence[Step]) -> dict[int, list[Step]]:
    """The repetitions of each number of pods, by growing numbers."""
    grouped: dict[int, list[Step]] = {pods: [] for pods in sorted({step.pods for step in steps})}
    for step in steps:
        grouped[step.pods].append(step)
    return grouped


def rebalance(waits: Sequence[tuple[float, float]], began: float) -> Rebalance:
    """Say what events felt: when each was sent and heard (seconds), and when the pod was started or told to go."""
    late = [(sent, heard) for sent, heard in waits if heard - sent > LATE_SECONDS]
    over = max((heard for _, heard in late), default=None)
    return Rebalance(
        events=len(waits),
        late=len(late),
        over_seconds=0.0 if over is None else over - began,
        pause_seconds=0.0 if over is None else over - min(sent for sent, _ in late),
        longest_wait_seconds=max((heard - sent for sent, heard in waits), default=0.0),
    )
