"""Ever more sockets, until all are there or something ends; looked at closely at each tenth."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiokafka.errors import KafkaError

from bench.client import LoadFailed
from ceiling.lateness import Lateness, Probe
from ceiling.memory import BYTES_PER_GB, Available, Memory
from ceiling.stage import PODS_OPENING, Stage

TENTHS: Final = 10
# Between two looks at memory and time, so many are opened on a pod, at most; less than a tenth of what it takes.
SLICE_OF_A_POD: Final = 500
# Below that the processor has ended, whatever else is left.
SLOWEST_HANDSHAKES_PER_SECOND: Final = 10.0
# After sockets have been opened, until all that is written about them later is written.
SETTLE_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 5.0
# What ends a climb and not what is known of it: a socket or a message that is lost, a process that is gone.
BREAKS: Final = (LoadFailed, OSError, KafkaError)

INTERRUPTED: Final = "an interruption"


@dataclass(frozen=True)
class Plan:
    """How far to go, and what ends it before: so many bytes are left alone, so many seconds are taken."""

    sockets: int
    reserve_bytes: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """What was found when so many sockets were open; cores are processors kept busy, by part."""

    at_seconds: float
    sockets: int
    handshakes_per_second: float
    cores_opening: Mapping[str, float]
    cores_quiet: Mapping[str, float]
    memory: Memory
    available_bytes: int
    room: int
    of_users: Lateness
    of_room: Lateness


@dataclass
class Climb:
    """A whole run. `empty` is the memory before the first socket; `path` holds (seconds, sockets, bytes available).

    `broke` is empty, unless it was something broken that ended it.
    """

    plan: Plan
    empty: Memory
    ended_by: str = ""
    broke: str = ""
    steps: list[Step] = field(default_factory=list)
    path: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether each message came, and once, no socket was lost, and nothing broke."""
        is_heard = all(step.of_users.is_whole and step.of_room.is_whole for step in self.steps)
        return bool(self.steps) and is_heard and not self.broke


class Ramp:
    """Climbs once; `tell` is told after every slice how many sockets there are and how much memory is left."""

    def __init__(self, stage: Stage, plan: Plan, tell: Callable[[int, int], None], say: Callable[[str], None]) -> None:
        self._stage = stage
        self._plan = plan
        self._tell = tell
        self._say = say
        self._available = Available()
        self._probe = Probe(stage, random.Random(1))
        self._began = time.monotonic()
        self.climb = Climb(plan, stage.memory())

    async def run(self) -> Climb:
        """Open sockets tenth by tenth. A tenth that could not be finished is looked at, too."""
        self._began = time.monotonic()
        climb = self.climb
        try:
            for tenth in range(1, TENTHS + 1):
                await self._climb_to(self._plan.sockets * tenth // TENTHS)
                if climb.ended_by:
                    return climb
        except BREAKS as error:
            climb.broke = await self._stage.who_ended() or str(error) or type(error).__name__
            climb.ended_by = f"what broke: {climb.broke}"
            return climb
        climb.ended_by = f"--sockets {self._plan.sockets}: all of them are open"
        return climb

    async def _climb_to(self, goal: int) -> None:
        stage = self._stage
        before, spent, began = stage.sockets, stage.cpu_seconds(), time.monotonic()
        self._note()
        await self._open_up_to(goal)
        seconds = time.monotonic() - began
        if stage.sockets > before:
            pace = (stage.sockets - before) / seconds
            self.climb.steps.append(await self._look(pace, _cores(spent, stage.cpu_seconds(), seconds)))

    async def _open_up_to(self, goal: int) -> None:
        stage, plan = self._stage, self._plan
        while stage.sockets < goal:
            began = time.monotonic()
            before, share = stage.sockets, plan.sockets // TENTHS // len(stage.pairs) // 2
            await stage.open(min(max(1, min(SLICE_OF_A_POD, share)) * PODS_OPENING, goal - before))
            pace, left = (stage.sockets - before) / (time.monotonic() - began), self._note()
            if left < plan.reserve_bytes:
                self.climb.ended_by = f"memory: less than {plan.reserve_bytes / BYTES_PER_GB:.1f} GB are left"
            elif time.monotonic() - self._began > plan.seconds:
                self.climb.ended_by = f"--minutes {plan.seconds / 60:g}: it was stopped, and could have gone on"
            elif pace < SLOWEST_HANDSHAKES_PER_SECOND:
                self.climb.ended_by = f"the processor: no more than {pace:.0f} handshakes a second"
            if self.climb.ended_by:
                return

    def _note(self) -> int:
        left = self._available.bytes()
        self.climb.path.append((time.monotonic() - self._began, self._stage.sockets, left))
        self._tell(self._stage.sockets, left)
        return left

    async def _look(self, pace: float, cores_opening: Mapping[str, float]) -> Step:
        stage = self._stage
        self._say(f"{stage.sockets:,} sockets: how much memory, how late are messages?")
        await asyncio.sleep(SETTLE_SECONDS)
        spent, began = stage.cpu_seconds(), time.monotonic()
        await asyncio.sleep(QUIET_SECONDS)
        cores_quiet = _cores(spent, stage.cpu_seconds(), time.monotonic() - began)
        memory, left = stage.memory(), self._available.bytes()
        return Step(
            at_seconds=time.monotonic() - self._began,
            sockets=stage.sockets,
            handshakes_per_second=pace,
            cores_opening=cores_opening,
            cores_quiet=cores_quiet,
            memory=memory,
            available_bytes=left,
            room=stage.room,
            of_users=await self._probe.of_users(),
            of_room=await self._probe.of_room(),
        )


def _cores(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    return {part: (after[part] - before[part]) / seconds for part in after}
