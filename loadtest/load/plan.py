"""What a run of `make load` is asked to be, and whether this machine can do it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parts.kafka_here import has_apache_kafka
from swarm import thresholds
from swarm.crowd import TRANSPORTS
from swarm.shapes import RAMP_UP, SHAPES
from swarm.tokens import BadSettings
from tool.machine import need_descriptors
from tool.needs import need_programs

EMBEDDED, APACHE = "embedded", "apache"
KAFKAS: Final = (APACHE, EMBEDDED)
THRESHOLDS: Final = {
    APACHE: Path(thresholds.__file__).with_name("thresholds.toml"),
    EMBEDDED: Path(__file__).with_name("embedded.toml"),
}
NEEDED: Final = {EMBEDDED: ("haproxy", "redis-server", "tansu"), APACHE: ("haproxy", "redis-server", "java", "mvn")}
# More a second than one worker of Locust likes to start.
SPAWN_MAX: Final = 100
# So that most of a short run is not the coming.
COME_WITHIN_PART: Final = 1 / 6
# Of a proxy: its own, its listeners, its checks.
OTHER_DESCRIPTORS: Final = 256


@dataclass(frozen=True)
class Plan:
    """One run. `events_per_second` are those of all workers together."""

    users: int
    seconds: int
    shape: str
    transport: str
    pods: int
    events_per_second: float
    processes: int
    thresholds: Path
    kafka: str

    @property
    def users_per_second(self) -> float:
        """How fast they come."""
        if self.shape == "hold":  # which says itself how many there should be; to keep up is what is measured
            return 2 * self.users / (self.seconds * RAMP_UP)
        return min(float(SPAWN_MAX * self.processes), max(10.0, self.users / (self.seconds * COME_WITHIN_PART)))

    def check(self) -> None:
        """Raise `BadSettings` or `Unable`, which say what to mend, where this cannot be."""
        one_of("--shape", self.shape, tuple(SHAPES))
        one_of("--transport", self.transport, TRANSPORTS)
        one_of("--kafka", self.kafka, KAFKAS)
        thresholds.load(self.thresholds)
        need_programs(*NEEDED[self.kafka])
        # One to the client and one to the pod, of each connection; who polls has two.
        each = 2 if self.transport == "websocket" else 4
        need_descriptors(self.users * each + OTHER_DESCRIPTORS, f"{self.users:,} people behind one proxy")


def kafka_here() -> str:
    """The real one where Java and Maven are, else the one that pip brings."""
    return APACHE if has_apache_kafka() else EMBEDDED


def one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    """Raise `BadSettings` where it is none of these."""
    if given not in known:
        raise BadSettings(f"{option} {given}: there is {', '.join(known)}")
